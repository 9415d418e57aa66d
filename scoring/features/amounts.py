"""Which features a payment's own amount enters, and its vector had the amount been another one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, INDEX, Feature, Op


class Entry(Enum):
    """How the amount enters a value while all before the payment stays as it was."""

    ITSELF = "the amount"
    RATIO = "the amount divided by something"
    DEVIATION = "the amount less the card's average, divided by its spread"


# Every other operation looks at what came before the payment, or at what is no amount.
AMOUNT_ENTERS: Mapping[Op, Entry] = {
    Op.AMOUNT: Entry.ITSELF,
    Op.RATIO_TO_WINDOW_MEAN: Entry.RATIO,
    Op.RATIO_TO_DAILY_SUM: Entry.RATIO,
    Op.HABIT_RATIO: Entry.RATIO,
    Op.HABIT_MEDIAN_RATIO: Entry.RATIO,
    Op.HABIT_MAX_RATIO: Entry.RATIO,
    Op.HABIT_DEVIATION: Entry.DEVIATION,
}
# float32 ratios know an average to 6e-8 of it. Nearer to it than this, the spread that follows from a deviation would
# be off by more than 1 in 10,000.
LEAST_DISTANCE = 1e-3


class AmountUnknownError(Exception):
    """A vector does not say what its features would be for another amount."""


@dataclass(frozen=True)
class Line:
    """A feature as a straight line of the amount: `scale * (amount - shift)`, scale above 0. index: its column."""

    index: int
    scale: float
    shift: float = 0.0

    def value(self, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.scale * (amounts - self.shift)

    def amount(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where it has these values."""
        return values / self.scale + self.shift


def amount_lines(vector: NDArray[np.float32], amount: float) -> list[Line]:
    """The features of a vector, float32 (features,), that move with its amount; what is missing stays missing.

    Raises:
        AmountUnknownError: the amount is so near to the card's average that its spread cannot be told.
    """
    entering = [(feature, AMOUNT_ENTERS[feature.op]) for feature in FEATURES if feature.op in AMOUNT_ENTERS]
    return [
        _line(feature, entry, vector, amount)
        for feature, entry in entering
        if not np.isnan(vector[INDEX[feature.name]])
    ]


def vectors_at(vector: NDArray[np.float32], lines: list[Line], amounts: NDArray[np.float64]) -> NDArray[np.float32]:
    """The vector for each of other amounts, float32 (amounts, features)."""
    vectors = np.repeat(vector[None, :], len(amounts), axis=0)
    for line in lines:
        vectors[:, line.index] = line.value(amounts)
    return vectors


def _line(feature: Feature, entry: Entry, vector: NDArray[np.float32], amount: float) -> Line:
    index = INDEX[feature.name]
    value = float(vector[index])
    if entry is Entry.ITSELF:
        return Line(index, 1.0)
    if entry is Entry.RATIO:
        return Line(index, value / amount)
    mean = _mean(feature, vector, amount)
    if abs(amount - mean) < LEAST_DISTANCE * mean or value == 0.0:
        raise AmountUnknownError(f"the amount is the usual one, {feature.name} does not say how far others are from it")
    return Line(index, value / (amount - mean), mean)


def _mean(deviation: Feature, vector: NDArray[np.float32], amount: float) -> float:
    """The average that a deviation is from, by the ratio of the same entity."""
    for feature in FEATURES:
        if feature.op == Op.HABIT_RATIO and feature.entity == deviation.entity:
            return amount / float(vector[INDEX[feature.name]])
    raise AmountUnknownError(f"no feature says the average that {deviation.name} is from")
