"""The record as data sets: decisions of a period with the labels as they were known at a time, as arrays."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import Min

from scoring.features.definitions import NAMES
from scoring.ml.datasets import FRAUD, LEGITIMATE, UNKNOWN, Dataset, card_code
from scoring.ml.protocol import Fold
from scoring.models import Decision, Label
from scoring.recorded import Period, Row, chunks

CODES = {Label.Value.FRAUD.value: FRAUD, Label.Value.LEGITIMATE.value: LEGITIMATE}
Arrays = tuple[np.ndarray[Any, Any], ...]
# A card pays many times; most of those of a chunk were seen in the chunks before.
_card_code = lru_cache(1 << 17)(card_code)


def recorded_payments(
    start: datetime,
    end: datetime,
    *,
    labels_as_of: datetime | None,
    maturity: timedelta | None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Decisions with start <= occurred_at < end, in the order of time, then of id; see `recorded.chunks` which.

    Labels are those known at `labels_as_of` (None: whenever they came). Without a label a payment is
    legitimate once it is `maturity` old at `labels_as_of`, and unknown before; with maturity None it is
    unknown. `progress` hears how many rows were read. Memory: the arrays, and one chunk of rows.
    """
    legitimate_before = labels_as_of - maturity if labels_as_of is not None and maturity is not None else None
    parts = [_arrays((), legitimate_before)]
    read = 0
    for rows in chunks(Period(start, end, labels_as_of)):
        parts.append(_arrays(rows, legitimate_before))
        read += len(rows)
        if progress is not None:
            progress(read)
    return Dataset(*_joined(parts))


def first_payment_at() -> datetime | None:
    """When the oldest recorded payment occurred."""
    oldest: datetime | None = Decision.objects.aggregate(oldest=Min("occurred_at"))["oldest"]
    return oldest


def fold_data(fold: Fold) -> tuple[Dataset, Dataset]:
    """Training days with the labels known when the test starts, and the whole fold with those known today."""
    start, train_end, test_start, end = (
        datetime.fromtimestamp(at, UTC) for at in (fold.start, fold.train_end, fold.test_start, fold.end)
    )
    # A payment of the training days without a label is taken as legitimate when the test starts: the delay is
    # the time after which the protocol believes that labels are in.
    training = recorded_payments(start, train_end, labels_as_of=test_start, maturity=timedelta(0))
    return training, recorded_payments(start, end, labels_as_of=None, maturity=None)


def labels_of(rows: Sequence[Row], legitimate_before: datetime | None) -> np.ndarray[Any, np.dtype[np.int8]]:
    """FRAUD, LEGITIMATE or UNKNOWN of each row; without a label it is legitimate if it occurred by then."""
    said = [CODES.get(row.label, UNKNOWN) if row.label else UNKNOWN for row in rows]
    codes = np.array(said, np.int8)
    if legitimate_before is not None:
        times = np.array([row.occurred_at for row in rows], np.int64)
        codes[(codes == UNKNOWN) & (times <= microseconds(legitimate_before))] = LEGITIMATE
    return codes


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _arrays(rows: Sequence[Row], legitimate_before: datetime | None) -> Arrays:
    """Columns of a chunk, in the order of Dataset's fields."""
    return (
        np.frombuffer(b"".join([row.features for row in rows]), np.float32).reshape(len(rows), len(NAMES)),
        labels_of(rows, legitimate_before),
        np.array([row.occurred_at for row in rows], np.int64) / 1e6,
        np.array([_card_code(row.card_id) for row in rows], np.int64),
        np.array([float(row.amount) for row in rows], np.float64),
        np.array([row.currency for row in rows], "U3"),
    )


def _joined(parts: list[Arrays]) -> Arrays:
    """Columns of all chunks. Empties `parts`: each is given back as soon as it is copied."""
    rows = sum(len(part[0]) for part in parts)
    whole = tuple(np.empty((rows, *column.shape[1:]), column.dtype) for column in parts[0])
    end = rows
    while parts:
        part = parts.pop()
        start = end - len(part[0])
        for column, piece in zip(whole, part, strict=True):
            column[start:end] = piece
        end = start
    return whole
