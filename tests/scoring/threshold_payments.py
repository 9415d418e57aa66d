"""Payments as rows, and the cells that thresholds are worked out from."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from scoring.thresholds import BINS, CELLS, FREE, THRESHOLDS, Payments


@dataclass(frozen=True)
class Row:
    """One payment; label is fraud, legitimate (told or by age) or unknown."""

    day: int
    score: float | None
    amount: float
    label: str = "legitimate"
    asked: int = FREE


def payments_of(rows, *, days, mature=None):
    cells = {name: np.zeros((days, 4, BINS)) for name in CELLS}
    unscored = np.zeros((days, 4))
    for row in rows:
        if row.score is None:
            unscored[row.day, row.asked] += 1
            continue
        at = row.day, row.asked, bisect_right(THRESHOLDS, row.score)
        fraud, unknown = row.label == "fraud", row.label == "unknown"
        values = (
            1, row.amount, row.score, row.score * row.amount, fraud, fraud * row.amount, unknown, unknown * row.score,
        )  # fmt: skip
        for name, value in zip(CELLS, values, strict=True):
            cells[name][at] += value
    is_mature = np.ones(days, np.bool_) if mature is None else np.array(mature)
    return Payments(**cells, unscored=unscored, mature=is_mature)
