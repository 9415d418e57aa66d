"""Days of payments counted into the bins of a model's reference; days add up to weeks. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import INDEX
from scoring.ml.reference import Distribution, Reference

# Kinds of one sort that are told apart; of thousands of countries' and currencies' names the rest is one.
KINDS = 40
OTHER, NOT_SAID = "other", "not said"
SCORE, ANOMALY = "score", "anomaly score"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DaySample:
    """Payments of one day, a row each. vectors: float32 (n, features). scores, anomaly_scores: float64, NaN without.

    kinds: what sort (channel ...) -> of each payment; empty where it does not say.
    """

    vectors: NDArray[np.float32]
    scores: Floats
    anomaly_scores: Floats
    kinds: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class DayCounts:
    """Payments counted. `payments` and `flagged` are all there were, `rows` those whose values were counted.

    values: feature, SCORE or ANOMALY -> payments in each bin. missing: the same names -> payments without a value.
    kinds: sort -> kind -> payments.
    """

    payments: int
    flagged: int
    rows: int
    values: Mapping[str, Sequence[int]]
    missing: Mapping[str, int]
    kinds: Mapping[str, Mapping[str, int]]

    def to_json(self) -> dict[str, Any]:
        """What `DriftDay.figures` keeps; the numbers of payments have columns of their own."""
        return {"values": dict(self.values), "missing": dict(self.missing), "kinds": dict(self.kinds)}


NOTHING = DayCounts(0, 0, 0, {}, {}, {})


def distributions(reference: Reference) -> dict[str, Distribution]:
    """Of each feature that payments have today, of the score, and of the anomaly score where the model gives one."""
    found = {name: one for name, one in reference.features.items() if name in INDEX}
    found[SCORE] = reference.score
    if reference.anomaly is not None:
        found[ANOMALY] = reference.anomaly
    return found


def missing_then(reference: Reference, name: str) -> float:
    """Share of the training's payments without a value; scores are never missing."""
    return reference.missing.get(name, 0.0)


def count_day(reference: Reference, sample: DaySample, *, payments: int, flagged: int) -> DayCounts:
    """Count a day's sample. A score that is missing counts neither way: the payment was decided without the model."""
    values, missing = {}, {}
    for name, then in distributions(reference).items():
        column = _column(sample, name)
        values[name] = then.count(column)
        missing[name] = 0 if name in (SCORE, ANOMALY) else int(np.isnan(column).sum())
    kinds = {sort: dict(Counter(kind or NOT_SAID for kind in named)) for sort, named in sample.kinds.items()}
    return DayCounts(payments, flagged, len(sample.vectors), values, missing, kinds)


def _column(sample: DaySample, name: str) -> NDArray[np.float32] | Floats:
    if name in (SCORE, ANOMALY):
        return sample.scores if name == SCORE else sample.anomaly_scores
    return sample.vectors[:, INDEX[name]]


def add(days: Iterable[DayCounts]) -> DayCounts:
    """The days as one; names that one of them lacks are those of the others."""
    found = list(days)
    names = {name for day in found for name in day.values}
    sorts = {sort for day in found for sort in day.kinds}
    return DayCounts(
        payments=sum(day.payments for day in found),
        flagged=sum(day.flagged for day in found),
        rows=sum(day.rows for day in found),
        values={
            name: [int(n) for n in np.sum([day.values[name] for day in found if name in day.values], axis=0)]
            for name in names
        },
        missing={name: sum(day.missing.get(name, 0) for day in found) for name in names},
        kinds={sort: _commonest(day.kinds.get(sort, {}) for day in found) for sort in sorts},
    )


def _commonest(counted: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counted:
        total.update(one)
    kept = dict(total.most_common(KINDS))
    rest = sum(total.values()) - sum(kept.values())
    return kept | ({OTHER: kept.get(OTHER, 0) + rest} if rest else {})


def windows(days: Mapping[date, DayCounts], length: int, *, least_rows: int) -> list[DayCounts]:
    """Every stretch of `length` days that are all there, with at least so many rows; they overlap."""
    found = []
    for first in sorted(days):
        stretch = [first + timedelta(days=number) for number in range(length)]
        if all(day in days for day in stretch):
            window = add(days[day] for day in stretch)
            if window.rows >= least_rows:
                found.append(window)
    return found
