"""Payments whose label is mature, in bounded memory: of many, a sample of cards."""

from dataclasses import fields
from datetime import datetime, timedelta
from math import ceil

import numpy as np

from scoring.datasets import recorded_payments
from scoring.ml.datasets import Dataset, training_set
from scoring.models import Decision

# Rows that are read at once before cards are left out: 200 MB of vectors at most.
_ROWS_AT_ONCE = 100_000
_SHORTEST = timedelta(minutes=10)


def mature_payments(
    since: datetime, until: datetime, *, labels_as_of: datetime, maturity: timedelta, most: int
) -> Dataset:
    """Payments of a time with a known label, about `most` of them: all of some cards, chosen by their hash.

    The same record gives the same cards; every row stands for as many others. Memory: what is kept, and one stretch.
    """
    total = Decision.objects.filter(occurred_at__gte=since, occurred_at__lt=until).count()
    one_of = max(1, ceil(total / most))
    stretch = max(_SHORTEST, (until - since) / max(1, ceil(total / _ROWS_AT_ONCE)))
    parts: list[Dataset] = []
    start = since
    while start < until or not parts:
        end = min(start + stretch, until)
        read = recorded_payments(start, end, labels_as_of=labels_as_of, maturity=maturity)
        parts.append(training_set(read.where(read.cards % one_of == 0)))
        start = end
    return Dataset(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Dataset)))
