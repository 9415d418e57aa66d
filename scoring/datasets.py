"""The record as data sets: decisions of a period with the labels as they were known at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import F, Min, QuerySet

from scoring.features.definitions import NAMES, VERSION
from scoring.ml.datasets import FRAUD, LEGITIMATE, UNKNOWN, Dataset, card_code
from scoring.ml.protocol import Fold
from scoring.models import Decision, Label
from scoring.queries_labels import EVER, Believed

CHUNK = 10_000
_COLUMNS = ("features", "label_as_of", "occurred_at", "card_id", "amount", "currency")
_CODES = {Label.Value.FRAUD.value: FRAUD, Label.Value.LEGITIMATE.value: LEGITIMATE}


def recorded_payments(
    start: datetime, end: datetime, *, labels_as_of: datetime | None, maturity: timedelta | None
) -> Dataset:
    """Decisions with start <= occurred_at < end, in the order of time, then of id.

    Labels are those believed at `labels_as_of` (None: whenever they come). Without a label a payment is
    legitimate once it is `maturity` old at `labels_as_of`, and unknown before; with maturity None it is
    unknown. Vectors of other feature tables, and those made while the feature store was down, are left out:
    they say nothing of what the model will see. Nor are the vectors taken with which these were scored again: they
    were made later, and may know of frauds, of this very payment too, that nobody knew when it came. Memory: the
    arrays, and one chunk of rows.
    """
    legitimate_before = labels_as_of - maturity if labels_as_of is not None and maturity is not None else None
    parts = [
        _arrays(rows, legitimate_before)
        for rows in _chunks(_decisions(start, end, labels_as_of).values_list(*_COLUMNS).iterator(chunk_size=CHUNK))
    ]
    if not parts:
        parts = [_arrays([], legitimate_before)]
    return Dataset(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


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


def _decisions(start: datetime, end: datetime, labels_as_of: datetime | None) -> QuerySet[Decision]:
    return (
        Decision.objects.filter(occurred_at__gte=start, occurred_at__lt=end, feature_version=VERSION)
        .exclude(degraded__contains=["features"])
        .annotate(label_as_of=Believed(as_of=labels_as_of or EVER))
        .order_by(F("occurred_at"), F("transaction_id"))
    )


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _arrays(rows: list[tuple[Any, ...]], legitimate_before: datetime | None) -> tuple[np.ndarray[Any, Any], ...]:
    """Columns of a chunk, in the order of Dataset's fields."""
    vectors, labels, times, cards, amounts, currencies = zip(*rows, strict=True) if rows else ((),) * len(_COLUMNS)
    return (
        np.frombuffer(b"".join(vectors), np.float32).reshape(len(rows), len(NAMES)),
        np.array([_code(label, at, legitimate_before) for label, at in zip(labels, times, strict=True)], np.int8),
        np.array([at.timestamp() for at in times], np.float64),
        np.array([card_code(card) for card in cards], np.int64),
        np.array(amounts, np.float64),
        np.array(currencies, "U3"),
    )


def _code(label: str | None, occurred_at: datetime, legitimate_before: datetime | None) -> int:
    if label is not None:
        return _CODES[label]
    return LEGITIMATE if legitimate_before is not None and occurred_at <= legitimate_before else UNKNOWN
