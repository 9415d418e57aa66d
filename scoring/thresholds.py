"""What thresholds on the score cost and how many alerts they make, and which are the best. Pure; arrays in and out.

Payments are counted by score in BINS classes: class b holds the scores that reach b of the THRESHOLDS. A threshold is
named by its place there. `docs/thresholds.md` has the method.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Fine where few payments make many alerts, round everywhere: what is proposed is read and talked about.
_MANTISSAS = (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
THRESHOLDS: tuple[float, ...] = (
    *(round(mantissa * 10.0**power, 6) for power in (-4, -3, -2) for mantissa in _MANTISSAS),
    *(round(0.1 + 0.02 * step, 2) for step in range(40)),
    *(round(0.9 + 0.01 * step, 2) for step in range(10)),
    0.995,
    0.999,
    1.0,
)
BINS = len(THRESHOLDS) + 1
# Edges of the classes that amounts are counted in; bands begin at one of them.
AMOUNTS = tuple(mantissa * 10**power for power in range(9) for mantissa in (1, 2, 5))
# What rules and lists ask for whatever the score is: nothing, a review, a decline, or silence about it.
FREE, REVIEWED, DECLINED, APPROVED = range(4)
# Of fewer frauds or days the best threshold is mostly chance.
FEWEST_FRAUDS, FEWEST_DAYS = 20, 7
_RESAMPLES = 200
# Breaks ties between thresholds that cost the same on this record.
_TINY = 1e-10


class Choice(NamedTuple):
    """Places in THRESHOLDS; review is never above decline."""

    review: int
    decline: int


@dataclass(frozen=True)
class Costs:
    """Of one review, and of one good payment declined, in the payments' currency. A missed fraud costs its amount."""

    review: float
    false_decline: float


@dataclass(frozen=True, eq=False)
class Payments:
    """Payments by day, by what rules and lists ask for, and by class of score: float64 (days, 4, BINS) each.

    score, stake: sums of score and of score x amount. unknown: declined and without a label: no chargeback can tell,
    however old they are; unknown_score: their sum of scores. mature: bool (days,), labels are in by now.
    unscored: float64 (days, 4), payments without a score; no threshold reaches them.
    """

    count: Floats
    amount: Floats
    score: Floats
    stake: Floats
    frauds: Floats
    fraud_amount: Floats
    unknown: Floats
    unknown_score: Floats
    unscored: Floats
    mature: NDArray[np.bool_]

    @cached_property
    def legitimate(self) -> Floats:
        """Neither labelled fraud nor unknown; to be believed of mature days only."""
        return self.count - self.frauds - self.unknown

    @cached_property
    def frauds_known(self) -> float:
        return float(self.frauds[self.mature].sum())

    @property
    def is_telling(self) -> bool:
        """Whether labels are enough to name a best threshold."""
        return self.frauds_known >= FEWEST_FRAUDS and int(self.mature.sum()) >= FEWEST_DAYS

    @property
    def mean_amount(self) -> float:
        payments = self.count.sum()
        return float(self.amount.sum() / payments) if payments else 0.0


CELLS = ("count", "amount", "score", "stake", "frauds", "fraud_amount", "unknown", "unknown_score")


def together(bands: Sequence[Payments]) -> Payments:
    """Payments of all bands, at least one, of the same days."""
    sums = {name: sum(getattr(band, name) for band in bands) for name in (*CELLS, "unscored")}
    return Payments(**sums, mature=bands[0].mature)


def flagged(cells: Floats) -> Floats:
    """Of cells (days, 4, BINS) those flagged with each review threshold, by rules and lists too: (days, thresholds)."""
    reached = cells[:, FREE].sum(axis=-1, keepdims=True) - _below(cells[:, FREE])
    made: Floats = reached + cells[:, [REVIEWED, DECLINED]].sum(axis=(1, 2))[:, None]
    return made


def alerts(payments: Payments) -> Floats:
    """Payments flagged each day with each review threshold, those without a score included: (days, thresholds)."""
    made: Floats = flagged(payments.count) + payments.unscored[:, [REVIEWED, DECLINED]].sum(axis=1)[:, None]
    return made


def floor(payments: Payments) -> Floats:
    """Alerts of each day that rules and lists make whatever the thresholds are: (days,)."""
    asked = payments.count.sum(axis=-1) + payments.unscored
    return np.asarray(asked[:, [REVIEWED, DECLINED]].sum(axis=1))


def _below(cells: Floats) -> Floats:
    """Sums of the classes (..., BINS) that do not reach each threshold: (..., thresholds)."""
    return np.cumsum(cells, axis=-1)[..., :-1]


@dataclass(frozen=True, eq=False)
class Curve:
    """Costs of each day as a part that hangs on the review threshold, one on the decline threshold, and the rest.

    review, decline: float64 (days, thresholds). rest: (days,). What a pair costs is their sum.
    """

    review: Floats
    decline: Floats
    rest: Floats

    def cost(self, choice: Choice) -> float:
        """Of a day on average; 0 without a day."""
        review, decline, rest = self._of_a_day
        return float(review[choice.review] + decline[choice.decline] + rest)

    @cached_property
    def _of_a_day(self) -> tuple[Floats, Floats, float]:
        days = max(1, len(self.rest))
        return self.review.sum(axis=0) / days, self.decline.sum(axis=0) / days, float(self.rest.sum()) / days


def costs_by_labels(payments: Payments, costs: Costs) -> Curve:
    """What the mature days cost as far as labels know, a day a row. Unknown payments cost nothing either way."""
    old, legitimate = payments.mature, payments.legitimate[payments.mature]
    known = legitimate + payments.frauds[old]
    return _curve(payments.fraud_amount[old], costs.review * known, costs.false_decline * legitimate)


def costs_by_scores(payments: Payments, costs: Costs) -> Curve:
    """What each day is expected to cost when scores are probabilities; needs no labels."""
    good = payments.count - payments.score
    return _curve(payments.stake, costs.review * payments.count, costs.false_decline * good)


def _curve(approved: Floats, reviewed: Floats, declined: Floats) -> Curve:
    """From what each cell costs when it is approved, reviewed and declined."""
    held = [FREE, REVIEWED]
    reach_decline = declined[:, held].sum(axis=(1, 2))[:, None] - _below(declined[:, held].sum(axis=1))
    return Curve(
        review=_below(approved[:, FREE]) - _below(reviewed[:, FREE]),
        decline=_below(reviewed[:, held].sum(axis=1)) + reach_decline,
        rest=declined[:, DECLINED].sum(axis=-1) + approved[:, APPROVED].sum(axis=-1),
    )


def by_rule(mean_amount: float, costs: Costs) -> Choice:
    """The thresholds that calibrated scores need for payments of an amount.

    Letting through costs p x amount, a review its price, a decline (1 - p) x its price: the cheapest is taken. Source:
    C. Elkan, The foundations of cost-sensitive learning, IJCAI 2001.
    """
    review = costs.review / mean_amount if mean_amount else 1.0
    decline = 1 - costs.review / costs.false_decline if costs.false_decline else 0.0
    if review >= decline:
        review = decline = costs.false_decline / (mean_amount + costs.false_decline) if costs.false_decline else 0.0
    return Choice(nearest(review), nearest(decline))


def nearest(threshold: float) -> int:
    """Place of the nearest of THRESHOLDS, by ratio."""
    asked = max(threshold, THRESHOLDS[0])
    return int(np.abs(np.log(THRESHOLDS) - np.log(asked)).argmin())


def best(curve: Curve, *, near: Choice) -> Choice:
    """The cheapest pair; of pairs that cost the same the one nearest to `near`."""
    return _cheapest(curve.review.sum(axis=0)[None], curve.decline.sum(axis=0)[None], near)[0]


@dataclass(frozen=True)
class Interval:
    """From where to where the best threshold is, in 95 of 100 resamples of the days."""

    low: int
    high: int

    def holds(self, place: int) -> bool:
        return self.low <= place <= self.high


def best_intervals(curve: Curve, *, near: Choice) -> tuple[Interval, Interval]:
    """Of the best review and decline threshold, by resampling days; the same days give the same answer.

    Days, not payments: the frauds of one attack come together. Source: B. Efron, Annals of Statistics 7 (1979).
    """
    days = len(curve.rest)
    # A fixed seed: it draws samples, nothing secret.
    drawn = np.random.default_rng(days).multinomial(days, np.full(days, 1 / days), size=_RESAMPLES).astype(np.float64)
    places = np.array(_cheapest(drawn @ curve.review, drawn @ curve.decline, near))
    low, high = np.quantile(places, [0.025, 0.975], axis=0, method="nearest").astype(int).tolist()
    return Interval(low[0], high[0]), Interval(low[1], high[1])


def _cheapest(review: Floats, decline: Floats, near: Choice) -> list[Choice]:
    """For each row of (samples, thresholds) the cheapest pair in order."""
    places = np.arange(len(THRESHOLDS))
    step = _TINY * np.maximum(1.0, np.abs(review).max(axis=1) + np.abs(decline).max(axis=1))[:, None]
    review = review + step * (places - near.review) ** 2
    decline = decline + step * (places - near.decline) ** 2
    # Of the review thresholds up to each decline threshold only the cheapest matters.
    least = np.minimum.accumulate(review, axis=1)
    declines = (least + decline).argmin(axis=1)
    return [Choice(int(one[: place + 1].argmin()), int(place)) for one, place in zip(review, declines, strict=True)]
