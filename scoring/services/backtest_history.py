"""Recorded payments of a time for a backtest, chunk by chunk."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import numpy as np
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from scoring.backtesting.trial import FRAUD, LEGITIMATE, TAKEN, UNKNOWN, Chunk, Ints
from scoring.decisioning import SEVERITY
from scoring.features.definitions import NAMES, VERSION
from scoring.models import Label, ListChange
from scoring.queries import instant
from scoring.queries_labels import believed
from scoring.rules.lists import ListHit
from scoring.services.list_history import ListHistory
from scoring.services.listed_values import ListedValues
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

CHUNK_ROWS = 20_000
OTHER_FEATURES, UNREADABLE = "other_features", "unreadable"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_DAY_MICROSECONDS = 86_400_000_000
_VECTOR_BYTES = 4 * len(NAMES)
_COUNT = "SELECT count(*) FROM scoring_decision WHERE occurred_at >= %s AND occurred_at < %s"
# By time, and by id among those of one moment: each chunk begins behind the last row of the one before, and needs no
# transaction that stays open over all of them.
_ROWS = f"""
SELECT id, {instant("occurred_at")}, decided_at, record::text, features, score, anomaly_score, outcome,
  feature_version
FROM scoring_decision
WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND (occurred_at, id) > (%(since)s, %(id)s)
ORDER BY occurred_at, id LIMIT %(rows)s
"""  # noqa: S608 - an expression of our own
_decoder = msgspec.json.Decoder(Transaction)
_all_decoder = msgspec.json.Decoder(list[Transaction])

Row = tuple[int, int, datetime, str, bytes, float | None, float | None, str, str]


@dataclass(frozen=True)
class Period:
    """Payments that occurred from `since` to before `until`, with the labels known at `labels_as_of`.

    One without a label counts as legitimate once it is `maturity` old by then.
    """

    since: datetime
    until: datetime
    labels_as_of: datetime
    maturity: timedelta

    @property
    def mature_before(self) -> datetime:
        return self.labels_as_of - self.maturity

    @property
    def whole_days(self) -> range:
        """Days since 1970, UTC, that lie in it from midnight to midnight."""
        return range(-((_EPOCH - self.since) // _DAY), (self.until - _EPOCH) // _DAY)


@dataclass(frozen=True)
class Read:
    """Some rows of the record: those to be judged, and how many there were in all."""

    chunk: Chunk
    rows: int


class History:
    """Reads the record in the order of time. Memory: one chunk. `left_out` counts what is not judged, by why."""

    def __init__(self, period: Period, *, chunk_rows: int = CHUNK_ROWS) -> None:
        self.period, self._chunk_rows = period, chunk_rows
        self.left_out: Counter[str] = Counter()
        self._listed_ever = ListedValues() if ListChange.objects.exists() else None

    def count(self) -> int:
        """How many rows there are to read."""
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [self.period.since, self.period.until])
            return int(cursor.fetchone()[0])

    def chunks(self) -> Iterator[Read]:
        """While a chunk is made and judged, the database reads the next.

        Raises:
            OperationalError: the database failed.
        """
        connection.ensure_connection()
        # A thread of its own would have another connection, outside of the transaction that this one may be in.
        read = partial(_rows, connections[DEFAULT_DB_ALIAS], self.period.until, self._chunk_rows)
        with ThreadPoolExecutor(1, thread_name_prefix="backtest-history") as ahead:
            rows = read(self.period.since, 0)
            while rows:
                since, last = _EPOCH + timedelta(microseconds=rows[-1][1]), rows[-1][0]
                following = ahead.submit(read, since, last)
                yield Read(self._chunk(rows), len(rows))
                rows = following.result()

    def _chunk(self, rows: Sequence[Row]) -> Chunk:
        able = [row for row in rows if row[8] == VERSION and len(row[4]) == _VECTOR_BYTES]
        self.left_out[OTHER_FEATURES] += len(rows) - len(able)
        able, transactions = self._payments(able)
        ids, times, at, _, vectors, scores, anomalies, outcomes, _ = zip(*able, strict=True) if able else ((),) * 9
        moments = np.array(times, np.int64)
        is_mature = moments <= _microseconds(self.period.mature_before)
        return Chunk(
            ids=np.array(ids, np.int64),
            transactions=transactions,
            vectors=np.frombuffer(b"".join(vectors), np.float32).reshape(len(able), len(NAMES)),
            scores=np.array(scores, np.float64),  # None becomes NaN
            anomalies=np.array(anomalies, np.float64),
            listed=self._listed(transactions, at),
            at=at,
            days=moments // _DAY_MICROSECONDS,
            kinds=self._kinds(ids, is_mature),
            recorded=np.fromiter(map(SEVERITY.__getitem__, outcomes), np.int64, len(able)),
            is_mature=is_mature,
        )

    def _payments(self, rows: list[Row]) -> tuple[list[Row], list[Transaction]]:
        """Rows whose record can be read, and their payments."""
        try:
            return rows, _all_decoder.decode(f"[{','.join(row[3] for row in rows)}]")
        except msgspec.MsgspecError:
            pairs = [(row, payment) for row in rows if (payment := _readable(row)) is not None]
            self.left_out[UNREADABLE] += len(rows) - len(pairs)
            return [row for row, _ in pairs], [payment for _, payment in pairs]

    def _listed(self, transactions: Sequence[Transaction], at: Sequence[datetime]) -> Mapping[int, list[ListHit]]:
        """Row -> entries that it met when it was decided."""
        if self._listed_ever is None or not transactions:
            return {}
        return ListHistory(transactions, listed=self._listed_ever).listed(transactions, at)

    def _kinds(self, ids: Sequence[int], is_mature: Any) -> Ints:
        kinds: Ints = np.where(is_mature, TAKEN, UNKNOWN).astype(np.int64)
        row_of = {decision: row for row, decision in enumerate(ids)}
        parameters: dict[str, Any] = {"ids": list(ids), "as_of": self.period.labels_as_of}
        with connection.cursor() as cursor:
            cursor.execute(believed("label.decision_id = ANY(%(ids)s)", "%(as_of)s"), parameters)
            for decision, label, _, _ in cursor.fetchall():
                kinds[row_of[decision]] = FRAUD if label == Label.Value.FRAUD else LEGITIMATE
        return kinds


def _rows(database: BaseDatabaseWrapper, until: datetime, most: int, since: datetime, last: int) -> list[Row]:
    parameters = {"since": since, "until": until, "id": last, "rows": most}
    # Django's own cursors take text only, which is twice as long for a vector.
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as cursor:
        cursor.execute(_ROWS, parameters, binary=True)
        return cursor.fetchall()


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _readable(row: Row) -> Transaction | None:
    try:
        return _decoder.decode(row[3])
    except msgspec.MsgspecError as error:
        logger.warning("The record of decision %s cannot be read as a payment: %s", row[0], error)
        return None
