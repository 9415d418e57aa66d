"""The figures of a payment that somebody could have changed, and the values of each that are worth trying. Pure.

Values are whole numbers of a step ("ticks"): cents of an amount, payments, minutes. Between the marks of a figure,
where a tree parts or a rule compares, nothing can change; so the ticks on both sides of each mark stand for all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from scoring.features.amounts import AMOUNT_ENTERS, AmountUnknownError, Line, amount_lines, vectors_at
from scoring.features.definitions import DAY, FEATURES, INDEX, MINUTE, Feature, Op
from scoring.ml.tree_splits import Splits
from scoring.ml.wording import decimals_of

# Of one figure, the nearest. A model of 300 trees of depth 4 has some hundreds for an amount.
MOST_TICKS = 2000
# A count over a longer time is nothing that one attempt could have made smaller.
LONGEST_WINDOW = 7 * DAY
# float32 features and the averages that follow from them place a mark this exactly.
_FUZZ = 1e-6
_FEWER, _LONGER, _OFF = "fewer", "longer", "off"
_WAYS: Mapping[Op, str] = {
    Op.COUNT: _FEWER,
    Op.DISTINCT: _FEWER,
    Op.SMALL_STREAK: _FEWER,
    Op.DECLINE_STREAK: _FEWER,
    Op.SINCE_LAST: _LONGER,
    Op.IS_NEW: _OFF,
    Op.REMOTE: _OFF,
    Op.CROSS_BORDER: _OFF,
}
_CHANGEABLE = tuple(
    feature
    for feature in FEATURES
    if feature.op in _WAYS
    and feature.entity != "merchant"
    and not feature.by_arrival
    and (_WAYS[feature.op] != _FEWER or feature.window <= LONGEST_WINDOW)
)
_OF_AMOUNT = [INDEX[feature.name] for feature in FEATURES if feature.op in AMOUNT_ENTERS]
_AMOUNT = next(feature for feature in FEATURES if feature.op == Op.AMOUNT)

Ticks = NDArray[np.int64]
Marks = Mapping[str, Iterable[float]]


@dataclass(frozen=True)
class Figure:
    """A figure and the ticks to try, the nearest first. `start`: the tick of what it was, which is not tried.

    vectors: float32 (ticks, features) of ticks. amounts: the payment's amount at each. is_whole: no tick was left out;
    of one that cannot be changed, all are.
    """

    feature: Feature
    ticks: Ticks
    start: int
    step: Decimal
    vectors: Callable[[Ticks], NDArray[np.float32]]
    amounts: Callable[[Ticks], list[Decimal]]
    is_whole: bool = True

    @property
    def is_amount(self) -> bool:
        return self.feature.op == Op.AMOUNT

    def value(self, tick: int) -> Decimal:
        return tick * self.step


def figures_of(
    vector: NDArray[np.float32], amount: Decimal, *, currency: str, splits: Splits | None, marks: Marks
) -> list[Figure]:
    """Those that the payment has and that the model or the policy looks at, its amount first.

    An amount of which the vector does not say enough has no ticks.

    vector: float32 (features,). marks: feature name -> values at which the policy may say something else.
    """
    lines = _lines(vector, amount)
    free = np.zeros(len(FEATURES), bool)
    free[_OF_AMOUNT] = True
    free[[INDEX[feature.name] for feature in _CHANGEABLE]] = True
    places = {INDEX[name]: np.array(list(values), np.float64) for name, values in marks.items() if name in INDEX}
    if splits is not None:
        # Those of one figure alone would be fewer: what is met too much costs a tick that changes nothing.
        features, thresholds = splits.met(vector, free)
        for index in np.unique(features).tolist():
            own = thresholds[features == index]
            places[index] = np.concatenate([places[index], own]) if index in places else own
    found = [_amount_figure(vector, amount, lines, places, decimals_of(currency))]
    for feature in _CHANGEABLE:
        index = INDEX[feature.name]
        if index in places and not np.isnan(vector[index]):
            found.append(_plain_figure(feature, vector, amount, places[index]))
    return [figure for figure in found if len(figure.ticks) or not figure.is_whole]


def _lines(vector: NDArray[np.float32], amount: Decimal) -> list[Line] | None:
    """None where the vector would not say what another amount makes of it."""
    try:
        return amount_lines(vector, float(amount))
    except AmountUnknownError:
        return None


def _amount_figure(
    vector: NDArray[np.float32],
    amount: Decimal,
    known: list[Line] | None,
    places: Mapping[int, NDArray[np.float64]],
    decimals: int,
) -> Figure:
    lines = known or []
    marks = [line.amount(places[line.index]) for line in lines if line.index in places]
    step = Decimal(1).scaleb(-decimals)
    start = int(-(-amount // step))
    ticks, is_whole = _below(np.concatenate(marks) if marks else np.empty(0), 10**decimals, start, least=1)
    if known is None:
        is_whole = not any(len(places[index]) for index in _OF_AMOUNT if index in places)

    def vectors(ticks: Ticks) -> NDArray[np.float32]:
        return vectors_at(vector, lines, ticks / 10**decimals)

    def amounts(ticks: Ticks) -> list[Decimal]:
        return [tick * step for tick in ticks.tolist()]

    return Figure(_AMOUNT, ticks, start, step, vectors, amounts, is_whole)


def _plain_figure(
    feature: Feature, vector: NDArray[np.float32], amount: Decimal, places: NDArray[np.float64]
) -> Figure:
    index, way = INDEX[feature.name], _WAYS[feature.op]
    value = float(vector[index])
    step = MINUTE if way == _LONGER else 1
    start, is_whole = int(np.floor(value / step) if way == _LONGER else np.ceil(value)), True
    if way == _OFF:
        ticks = np.zeros(int(value != 0.0), np.int64)
    elif way == _FEWER:
        ticks, is_whole = _below(places, 1, start, least=0)
    else:
        ticks = _above(places / step, start, feature.window // step)

    def vectors(ticks: Ticks) -> NDArray[np.float32]:
        rows = np.repeat(vector[None, :], len(ticks), axis=0)
        rows[:, index] = ticks * step
        return rows

    return Figure(feature, ticks, start, Decimal(step), vectors, lambda ticks: [amount] * len(ticks), is_whole)


def _around(marks: NDArray[np.float64]) -> Ticks:
    """The ticks next to each mark, on both sides of wherever rounding may have put it."""
    if not len(marks):
        return np.empty(0, np.int64)
    low, high = np.ceil(marks * (1 - _FUZZ)), np.ceil(marks * (1 + _FUZZ))
    return np.unique(np.concatenate([low - 1, low, high - 1, high]).astype(np.int64))


def _below(marks: NDArray[np.float64], per_unit: int, start: int, *, least: int) -> tuple[Ticks, bool]:
    marks = marks[np.isfinite(marks)] * per_unit
    ticks = _around(marks[(marks >= least) & (marks <= start + 1)])
    ticks = ticks[(ticks >= least) & (ticks < start)][::-1]
    return ticks[:MOST_TICKS], len(ticks) <= MOST_TICKS


def _above(marks: NDArray[np.float64], start: int, most: int) -> Ticks:
    ticks = _around(marks[(marks >= start) & (marks <= most)])
    return ticks[(ticks > start) & (ticks <= most)]


assert set(AMOUNT_ENTERS).isdisjoint(_WAYS)  # one row of the table is changed by one figure only
