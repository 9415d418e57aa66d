"""Proposes thresholds by what mistakes cost or alerts there is time for, and says what they would have done. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from scoring import thresholds
from scoring.thresholds import THRESHOLDS, Choice, Costs, Interval, Payments

# How many sigmas hold 95 of 100; of a root of a Poisson count sigma is a half.
_HALF_OF_95 = 1.959964 / 2
# Scores that are wrong by less move the best threshold by less than a step.
_TOLERATED = 1.25
_CHEAPEST_ALERT, _DEAREST_ALERT, _HALVINGS = 1e-9, 1e12, 90


@dataclass(frozen=True)
class Account:
    """What thresholds would have done. Alerts and costs are of a day; None where labels or costs are missing.

    alerts_busy: 95 of 100 days have at most as many. frauds: labelled, of the mature days; caught: flagged of them;
    looked_at: flagged payments of which is known whether they were fraud. amounts: of the same frauds.
    """

    alerts: float
    alerts_busy: float
    floor: float
    frauds: float
    caught: float
    looked_at: float
    fraud_amount: float
    caught_amount: float
    cost_by_labels: float | None
    cost_by_scores: float | None


def account(bands: Sequence[Payments], choices: Sequence[Choice], costs: Costs | None) -> Account:
    """Add up what the bands do with a choice each; at least one day."""
    daily = sum(thresholds.alerts(band)[:, choice.review] for band, choice in zip(bands, choices, strict=True))
    frauds, amounts, good = (_caught(bands, choices, name) for name in ("frauds", "fraud_amount", "legitimate"))
    by_labels = by_scores = None
    if costs is not None:
        pairs = list(zip(bands, choices, strict=True))
        by_scores = sum(thresholds.costs_by_scores(band, costs).cost(choice) for band, choice in pairs)
        if bands[0].mature.any():
            by_labels = sum(thresholds.costs_by_labels(band, costs).cost(choice) for band, choice in pairs)
    return Account(
        alerts=float(np.mean(daily)),
        alerts_busy=float(np.quantile(daily, 0.95)),
        floor=sum(float(thresholds.floor(band).mean()) for band in bands),
        frauds=sum(band.frauds_known for band in bands),
        caught=frauds,
        looked_at=frauds + good,
        fraud_amount=sum(float(band.fraud_amount[band.mature].sum()) for band in bands),
        caught_amount=amounts,
        cost_by_labels=by_labels,
        cost_by_scores=by_scores,
    )


def _caught(bands: Sequence[Payments], choices: Sequence[Choice], name: str) -> float:
    """Of a measure of the mature days: what is flagged."""
    pairs = zip(bands, choices, strict=True)
    return sum(float(thresholds.flagged(getattr(b, name)[b.mature])[:, c.review].sum()) for b, c in pairs)


def by_cost(bands: Sequence[Payments], costs: Costs) -> list[Choice]:
    """The cheapest thresholds of each band if scores are probabilities."""
    return [
        thresholds.best(thresholds.costs_by_scores(band, costs), near=thresholds.by_rule(band.mean_amount, costs))
        for band in bands
    ]


def by_capacity(bands: Sequence[Payments], room: float, declines: Sequence[int]) -> list[Choice] | None:
    """Thresholds that make at most `room` alerts on an average day and are worth most; None where none make so few.

    All bands get alerts down to the same expected loss (score x amount) of the last one. Decline thresholds stay where
    they are, or go up with the review threshold.
    """
    reviews = _single_review(bands[0], room) if len(bands) == 1 else _shared_reviews(bands, room)
    if reviews is None:
        return None
    return [Choice(review, max(review, decline)) for review, decline in zip(reviews, declines, strict=True)]


def _single_review(band: Payments, room: float) -> list[int] | None:
    fits = np.flatnonzero(thresholds.alerts(band).mean(axis=0) <= room)
    return [int(fits[0])] if len(fits) else None


def _shared_reviews(bands: Sequence[Payments], room: float) -> list[int] | None:
    made = [thresholds.alerts(band).mean(axis=0) for band in bands]
    # An alert less saves its price and loses the stake: with a price the best thresholds are those of the cost curve.
    curves = [
        (thresholds.costs_by_scores(band, Costs(0.0, 0.0)), thresholds.costs_by_scores(band, Costs(1.0, 0.0)))
        for band in bands
    ]
    stakes = [free.review.sum(axis=0) for free, _ in curves]
    counts = [(free.review - priced.review).sum(axis=0) for free, priced in curves]

    def places(price: float) -> list[int]:
        return [int((stake - price * count).argmin()) for stake, count in zip(stakes, counts, strict=True)]

    def fits(chosen: Sequence[int]) -> bool:
        return sum(float(alerts[place]) for alerts, place in zip(made, chosen, strict=True)) <= room

    return _least_price(places, fits)


def _least_price(places: Callable[[float], list[int]], fits: Callable[[Sequence[int]], bool]) -> list[int] | None:
    """What the lowest price that fits gives: the higher an alert's price the fewer there are."""
    low, high = _CHEAPEST_ALERT, _DEAREST_ALERT
    if fits(places(low)):
        return places(low)
    if not fits(places(high)):
        return None
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        low, high = (low, middle) if fits(places(middle)) else (middle, high)
    return places(high)


@dataclass(frozen=True)
class Verdict:
    """The best thresholds by scores beside those by labels, with the intervals that these are known to.

    regret: what the former cost a day more than the latter, by labels.
    """

    by_scores: Choice
    by_labels: Choice
    review: Interval
    decline: Interval
    regret: float

    @property
    def is_agreed(self) -> bool:
        return self.review.holds(self.by_scores.review) and self.decline.holds(self.by_scores.decline)


def compare(payments: Payments, costs: Costs) -> Verdict | None:
    """Whether labels bear out what scores say; None where labels are too few to tell."""
    if not payments.is_telling:
        return None
    near = thresholds.by_rule(payments.mean_amount, costs)
    curve = thresholds.costs_by_labels(payments, costs)
    review, decline = thresholds.best_intervals(curve, near=near)
    by_scores, by_labels = by_cost([payments], costs)[0], thresholds.best(curve, near=near)
    regret = max(0.0, curve.cost(by_scores) - curve.cost(by_labels))
    return Verdict(by_scores, by_labels, review, decline, regret)


@dataclass(frozen=True)
class Calibration:
    """Frauds that labels know of the mature days, and how many the scores of the same payments add up to."""

    frauds: float
    expected: float

    @property
    def interval(self) -> tuple[float, float]:
        """Of frauds / expected, 95 %. Source: F. J. Anscombe, Biometrika 35 (1948), root of a Poisson count."""
        root = sqrt(self.frauds)
        low, high = max(0.0, root - _HALF_OF_95) ** 2, (root + _HALF_OF_95) ** 2
        return low / self.expected, high / self.expected

    @property
    def is_off(self) -> bool:
        low, high = self.interval
        return low > _TOLERATED or high < 1 / _TOLERATED


def calibration(payments: Payments) -> Calibration | None:
    """None where labels are too few to tell, or nothing has a score."""
    expected = float((payments.score - payments.unknown_score)[payments.mature].sum())
    return Calibration(payments.frauds_known, expected) if payments.is_telling and expected > 0 else None


def value_of(choice: Choice) -> tuple[float, float]:
    """Review and decline threshold, 0-1."""
    return THRESHOLDS[choice.review], THRESHOLDS[choice.decline]
