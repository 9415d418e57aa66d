"""When a difference from the training is worth a look or an alarm: against what weeks of the training itself showed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, sqrt

import numpy as np

from scoring.intervals import wilson
from scoring.ml.drift import Shift

# Of the measures of past weeks: one in a hundred of them may be higher.
USUAL_QUANTILE = 0.99
# From fewer stretches nothing is learnt about what is usual.
LEAST_WINDOWS = 3
# Standard deviations that chance exceeds once in 10,000 times.
_SURE = 3.89
# Fewer alerts or frauds than this are accidents, whatever their ratio.
LEAST_EVENTS = 10


class Severity(StrEnum):
    """From harmless to serious."""

    OK = "ok"
    WATCH = "watch"
    ALARM = "alarm"


ORDER = list(Severity)


@dataclass(frozen=True)
class Limits:
    """What counts; see the fields of `DriftSettings`."""

    effect_watch: float
    effect_alarm: float
    times_usual: float
    missing_alarm: float
    rate_alarm: float


@dataclass(frozen=True)
class Usual:
    """The most that stretches of the training time differed from all of it; None where there were too few."""

    ks: float | None = None
    psi: float | None = None
    missing: float | None = None


@dataclass(frozen=True)
class Rate:
    """A share (0-1) of payments, how many met it and out of how many, and what it is compared with."""

    part: int
    whole: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def times(self) -> float:
        """How many times above the highest (below the lowest: as a fraction below 1); 1 within."""
        if self.share > self.high:
            return self.share / self.high if self.high else inf
        if self.share < self.low:
            return self.share / self.low
        return 1.0


def usual_of(shifts: Sequence[Shift]) -> Usual:
    """What stretches of the training time showed."""
    return Usual(
        ks=most(shift.ks for shift in shifts),
        psi=most(shift.psi for shift in shifts),
        missing=most(shift.missing_moved for shift in shifts),
    )


def most(measures: Iterable[float | None]) -> float | None:
    """What one measure of past stretches hardly ever exceeds; None of fewer than LEAST_WINDOWS."""
    known = [measure for measure in measures if measure is not None]
    return float(np.quantile(known, USUAL_QUANTILE)) if len(known) >= LEAST_WINDOWS else None


def of_distance(distance: float | None, usual: float | None, limits: Limits, *, chance: float) -> Severity:
    """Judge a KS or a total variation: larger than chance makes it, than weeks of the training were, and large at all.

    Of many payments any difference is surely there, and means nothing; of few a large one is chance. A share that never
    moved is many times beyond its usual when it moves a little.
    """
    if distance is None or distance < max(chance, limits.times_usual * (usual or 0.0)):
        return Severity.OK
    if distance >= limits.effect_alarm:
        return Severity.ALARM
    return Severity.WATCH if distance >= limits.effect_watch else Severity.OK


def of_missing(shift: Shift, usual: Usual, limits: Limits) -> Severity:
    """Judge the share of missing values; a feed that lost a field shows here first."""
    moved, share = shift.missing_moved, (shift.missing + shift.missing_then) / 2
    chance = _SURE * sqrt(share * (1 - share) / shift.rows) if shift.rows else 0.0
    if moved < max(chance, limits.times_usual * (usual.missing or 0.0)):
        return Severity.OK
    if moved >= limits.missing_alarm:
        return Severity.ALARM
    return Severity.WATCH if moved >= limits.missing_alarm / 2 else Severity.OK


def of_rate(rate: Rate, limits: Limits) -> Severity:
    """Judge how often something happens: surely outside of what is expected, and by a factor that matters.

    Half of the way to the alarm's factor is watched: 1.5 times for 2.
    """
    low, high = wilson(rate.part, rate.whole)
    is_sure = low > rate.high or high < rate.low
    if not is_sure or max(rate.part, rate.low * rate.whole) < LEAST_EVENTS:
        return Severity.OK
    factor = rate.times if rate.times >= 1 else (1 / rate.times if rate.times else inf)
    if factor >= limits.rate_alarm:
        return Severity.ALARM
    return Severity.WATCH if factor >= (1 + limits.rate_alarm) / 2 else Severity.OK


def worst(severities: Iterable[Severity]) -> Severity:
    """The most serious one; OK of none."""
    return max(severities, key=ORDER.index, default=Severity.OK)
