"""With which other value of a single figure a payment would have been decided milder. Pure.

Source of the idea: S. Wachter, B. Mittelstadt, C. Russell, "Counterfactual Explanations without Opening the Black Box",
arXiv:1711.00399. Here nothing is approximated: the figure is put through the same judgement at every value that counts.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import INDEX, Op
from scoring.ml.figures import Figure, Ticks
from scoring.ml.wording import decimals_of, exact_time, sentence

# More would be read by nobody.
MOST_TOLD = 5
# Ticks asked at once while an edge is closed in on.
_PARTS = 32

# Severities (0 approve, 1 review, 2 decline), int64 (n,), of vectors, float32 (n, features), with these amounts.
Judge = Callable[[NDArray[np.float32], Sequence[Decimal]], NDArray[np.int64]]


class OtherOutcomeError(Exception):
    """The payment, as it was, is not judged as it was."""


class Counterfactual(msgspec.Struct, frozen=True, gc=False):
    """One figure of a payment that would have changed its outcome by itself.

    `value`: the nearest with which it is `outcome`, or milder; so it is up to `until` at least, or with all further
    ones where that is None. `always`: from where on it is so with all further ones; None: nowhere that is known of. As
    decimals: an amount in major units, payments, seconds, 0 for a flag.
    """

    feature: str
    value: str
    until: str | None
    always: str | None
    outcome: str
    words: str


class Alternatives(msgspec.Struct, frozen=True, gc=False):
    """What was found, and over which figures. `is_whole`: of none of them a value was left out.

    `problem`: why nothing was looked for; else empty.
    """

    found: list[Counterfactual]
    tried: list[str]
    is_whole: bool = True
    problem: str = ""


def find_counterfactuals(
    figures: Sequence[Figure],
    vector: NDArray[np.float32],
    amount: Decimal,
    *,
    severity: int,
    currency: str,
    judge: Judge,
) -> Alternatives:
    """Try every tick of every figure by itself, all in one call of `judge`, and close in on what changes.

    vector: float32 (features,), as it was. severity: what it was decided with, 1 or 2. What would have passed comes
    first, then what would have been reviewed instead of declined.

    Raises:
        OtherOutcomeError: the payment as it was is judged otherwise; nothing that is told of it would be true.
    """
    # Each call has its price whatever it is asked: the payment as it was goes with the others.
    severities = judge(
        np.concatenate([vector[None, :], *(figure.vectors(figure.ticks) for figure in figures)]),
        [amount, *(other for figure in figures for other in figure.amounts(figure.ticks))],
    )
    if severities[0] != severity:
        raise OtherOutcomeError
    if not figures:
        return Alternatives([], [])
    parts = np.split(severities[1:], np.cumsum([len(figure.ticks) for figure in figures])[:-1])
    found = [
        one
        for target in range(severity)
        for figure, part in zip(figures, parts, strict=True)
        if (one := _nearest(figure, part, target, vector, currency, judge)) is not None
    ]
    names = [figure.feature.name for figure in figures if len(figure.ticks)]
    return Alternatives(found[:MOST_TOLD], names, all(figure.is_whole for figure in figures))


def _nearest(
    figure: Figure, severities: NDArray[np.int64], target: int, vector: NDArray[np.float32], currency: str, judge: Judge
) -> Counterfactual | None:
    """The nearest tick with a severity of `target` or less; for a review only where passing is further away."""
    is_good = severities <= target
    if not is_good.any():
        return None
    first = int(is_good.argmax())
    if target > 0 and severities[first] < target:
        # It is told already that it would even have passed there.
        return None
    before = figure.start if first == 0 else int(figure.ticks[first - 1])
    tick = _closed_in(figure, int(figure.ticks[first]), before, target, judge)
    rest = is_good[first:]
    until: int | None = None
    if not rest.all():
        until = int(figure.ticks[first + int(rest.argmin()) - 1])
    elif not figure.is_whole:
        # Of what was left out nobody knows.
        until = int(figure.ticks[-1])
    always = tick if until is None else _always(figure, is_good, target, judge)
    return Counterfactual(
        feature=figure.feature.name,
        value=_plain(figure.value(tick)),
        until=None if until is None else _plain(figure.value(until)),
        always=None if always is None else _plain(figure.value(always)),
        outcome=("approve", "review")[target],
        words=_words(figure, (tick, until, always), target, vector, currency),
    )


def _always(figure: Figure, is_good: NDArray[np.bool_], target: int, judge: Judge) -> int | None:
    """The tick from which on all further ones are good."""
    last_bad = int(np.flatnonzero(~is_good)[-1])
    if last_bad + 1 == len(is_good) or not figure.is_whole:
        return None
    return _closed_in(figure, int(figure.ticks[last_bad + 1]), int(figure.ticks[last_bad]), target, judge)


def _closed_in(figure: Figure, good: int, bad: int, target: int, judge: Judge) -> int:
    """The good tick whose neighbour towards `bad` is bad: where trees part, found already; a rule may compute."""
    while abs(good - bad) > 1:
        way = 1 if good > bad else -1
        count = min(_PARTS, abs(good - bad) - 1)
        between = bad + way * (np.arange(1, count + 1) * abs(good - bad) // (count + 1))
        asked: Ticks = np.unique(between)[::way]
        is_good = judge(figure.vectors(asked), figure.amounts(asked)) <= target
        if not is_good.any():
            bad = int(asked[-1])
            continue
        first = int(is_good.argmax())
        good, bad = int(asked[first]), bad if first == 0 else int(asked[first - 1])
    return good


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _words(
    figure: Figure, stretch: tuple[int, int | None, int | None], target: int, vector: NDArray[np.float32], currency: str
) -> str:
    told = "It would have passed" if target == 0 else "It would have gone to review instead of being declined"
    if figure.is_amount:
        return f"{told} {_amounts(figure, stretch, currency)}"
    tick, until, always = stretch
    said = f"{told} with: {_said(figure, tick, vector, currency)}"
    if until is not None:
        further = "" if until == tick else f", and on to {_said(figure, until, vector, currency)}"
        return said + further + ("" if always is None else f", and from {_said(figure, always, vector, currency)} on")
    is_longer = figure.feature.op == Op.SINCE_LAST
    if figure.feature.unit == "flag" or (tick == 0 and not is_longer):
        return said
    return said + (", or longer" if is_longer else ", or fewer")


def _amounts(figure: Figure, stretch: tuple[int, int | None, int | None], currency: str) -> str:
    def amount(tick: int) -> str:
        return f"{figure.value(tick):,.{decimals_of(currency)}f}"

    tick, until, always = stretch
    if until is None:
        return f"below {amount(tick + 1)} {currency}"
    further = "" if always is None else f", and below {amount(always + 1)} {currency}"
    reach = f"at {amount(tick)}" if until == tick else f"from {amount(until)} to {amount(tick)}"
    return f"{reach} {currency}{further}"


def _said(figure: Figure, tick: int, vector: NDArray[np.float32], currency: str) -> str:
    """The feature's own words for another value, without what they say of its siblings."""
    if figure.feature.op == Op.SINCE_LAST:
        # Elsewhere a time is rounded; here a rounded one would promise what is not so.
        words = figure.feature.words.replace("{value}", exact_time(int(figure.value(tick))))
        return words[:1].lower() + words[1:]
    changed = vector.copy()
    changed[INDEX[figure.feature.name]] = float(figure.value(tick))
    words = sentence(figure.feature, changed, currency=currency).partition(";")[0]
    return words[:1].lower() + words[1:]
