"""Recorded payments of a time with the labels known at a time, read chunk by chunk: what every data set is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

from scoring.features.definitions import NAMES, VERSION
from scoring.queries import instant
from scoring.queries_labels import EVER, believed

CHUNK_ROWS = 20_000
VECTOR_BYTES = 4 * len(NAMES)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AS_OF = "%(as_of)s::timestamptz"
_IN_PERIOD = "occurred_at >= %(start)s AND occurred_at < %(end)s"
# Ids are compared byte by byte: the order must not hang on the language of the database. Each chunk begins behind the
# last row of the one before, and needs no transaction that stays open over all of them. What is left out goes last: how
# much that is nobody can estimate, and of a chunk thought to be small the whole period would be read and sorted.
_ROWS = f"""
SELECT one.transaction_id, {instant("one.occurred_at")}, one.card_id, one.amount::text, one.currency, one.features,
  believed.label, believed.source, believed.known_at
FROM (
  SELECT id, transaction_id, occurred_at, card_id, amount, currency, CASE
    WHEN feature_version = %(version)s AND NOT degraded @> %(degraded)s AND octet_length(features) = %(bytes)s
    THEN features END AS features
  FROM scoring_decision
  WHERE {_IN_PERIOD} AND (occurred_at > %(start)s OR transaction_id COLLATE "C" > %(last)s)
  ORDER BY occurred_at, transaction_id COLLATE "C" LIMIT %(rows)s
) AS one LEFT JOIN LATERAL (
  {{believed}}
) AS believed ON true
ORDER BY one.occurred_at, one.transaction_id COLLATE "C"
"""  # noqa: S608 - expressions of our own
_COUNT = f"""
SELECT count(*) FILTER (WHERE degraded @> %(degraded)s),
  count(*) FILTER (WHERE NOT degraded @> %(degraded)s AND feature_version <> %(version)s),
  count(*) FILTER (
    WHERE NOT degraded @> %(degraded)s AND feature_version = %(version)s AND octet_length(features) <> %(bytes)s
  ),
  count(*)
FROM scoring_decision WHERE {_IN_PERIOD}
"""  # noqa: S608 - an expression of our own
_SOURCES = """
SELECT believed.source, believed.label, count(*) FROM (
  {believed}
) AS believed GROUP BY 1, 2 ORDER BY 1, 2
"""
_OF_PERIOD = f"label.decision_id IN (SELECT id FROM scoring_decision WHERE {_IN_PERIOD})"  # noqa: S608 - our own


class Row(NamedTuple):
    """A payment: microseconds since 1970, amount in major units as text, float32 vector, the label that is believed."""

    transaction_id: str
    occurred_at: int
    card_id: str
    amount: str
    currency: str
    features: bytes
    label: str | None
    label_source: str | None
    label_known_at: datetime | None


_VECTOR = Row._fields.index("features")


@dataclass(frozen=True)
class Period:
    """Payments with start <= occurred_at < end, with the labels known at `labels_as_of` (None: whenever they came)."""

    start: datetime
    end: datetime
    labels_as_of: datetime | None


@dataclass(frozen=True)
class Counted:
    """Payments of a period by whether their vectors say what the model will see, and why not."""

    readable: int
    made_without_store: int
    other_features: int
    broken_vectors: int


def count_rows(period: Period) -> Counted:
    """How many rows `chunks` gives, and how many it leaves out."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, _parameters(period))
        without_store, other, broken, every = cursor.fetchone()
    return Counted(every - without_store - other - broken, without_store, other, broken)


def count_sources(period: Period) -> dict[str, dict[str, int]]:
    """Source -> label -> payments of the period of which it is believed."""
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_SOURCES.format(believed=believed(_OF_PERIOD, _AS_OF)), _parameters(period))
        for source, label, payments in cursor.fetchall():
            found.setdefault(source, {})[label] = payments
    return found


def chunks(period: Period, *, rows: int = CHUNK_ROWS) -> Iterator[Sequence[Row]]:
    """Rows in the order of time, then of transaction id.

    Vectors of other feature tables, and those made while the feature store was down, are left out: they say nothing of
    what the model will see. Nor are the vectors taken with which these were scored again: they were made later, and may
    know of frauds, of this very payment too, that nobody knew when it came. Memory: one chunk.

    Raises:
        OperationalError: the database failed.
    """
    parameters = _parameters(period) | {"last": "", "rows": rows}
    while read := _read(parameters):
        if found := [Row(*row) for row in read if row[_VECTOR] is not None]:
            yield found
        last = Row(*read[-1])
        parameters |= {"start": _EPOCH + timedelta(microseconds=last.occurred_at), "last": last.transaction_id}


def _parameters(period: Period) -> dict[str, Any]:
    return {
        "start": period.start,
        "end": period.end,
        "as_of": period.labels_as_of or EVER,
        "version": VERSION,
        "degraded": ["features"],
        "bytes": VECTOR_BYTES,
    }


def _read(parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Rows by the columns of `Row`; the vector is None where it is left out."""
    connection.ensure_connection()
    database = connections[DEFAULT_DB_ALIAS]
    # Django's own cursors take text only, which is twice as long for a vector.
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as cursor:
        cursor.execute(_ROWS.format(believed=believed("label.decision_id = one.id", _AS_OF)), parameters, binary=True)
        return cursor.fetchall()
