"""How much is needed before an experiment can say anything, and what it could see by when.

`looks`: 0 for a look on any day, 1 for one at the end, else so many, equally far apart.
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, inf, sqrt

from scipy import special

from scoring.ml.experiments.sequential import always_valid_z, crossing, obrien_fleming

# "Any day" as so many looks until the planned end, a few too few: of a hundred each finds less, and 3 % less is needed.
_DAILY_LOOKS = 30


def normal_quantile(probability: float) -> float:
    return float(special.ndtri(probability))


def sample_size_proportions(first: float, second: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Units in each of two equal arms to tell two shares apart, two-sided.

    Source: J. L. Fleiss, Statistical Methods for Rates and Proportions (1981), 3.14, without the correction.
    """
    mean = (first + second) / 2
    together = normal_quantile(1 - alpha / 2) * sqrt(2 * mean * (1 - mean))
    apart = normal_quantile(power) * sqrt(first * (1 - first) + second * (1 - second))
    return ceil(((together + apart) / (first - second)) ** 2)


def needed_information(effect: float, *, alpha: float, power: float) -> float:
    """1 / variance of the difference with which one look sees `effect` with probability `power`."""
    return ((normal_quantile(1 - alpha / 2) + normal_quantile(power)) / effect) ** 2


@cache
def inflation(looks: int, alpha: float, power: float) -> float:
    """How many times the information of a single look is needed, so that looking more often costs no power."""
    if looks == 1:
        return 1.0
    count = looks or _DAILY_LOOKS
    fractions = tuple((look + 1) / count for look in range(count))
    bounds = obrien_fleming(looks, alpha) if looks else tuple(always_valid_z(one, alpha) for one in fractions)
    single = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    low, high = single * 0.9, single * 2
    for _ in range(30):
        middle = (low + high) / 2
        if crossing(bounds, fractions, drift=middle) < power:
            low = middle
        else:
            high = middle
    return (high / single) ** 2


@dataclass(frozen=True)
class Traffic:
    """What the record says of the payments to come: units (payments or alerts) a day, and how they vary.

    ratio: as it is now. unit_variance: as `CardSums.unit_variance`.
    """

    units_a_day: float
    ratio: float
    unit_variance: float


@dataclass(frozen=True)
class Plan:
    """What is to be seen, how surely, how often looked at, and the challenger's share of the cards (0-1)."""

    effect: float
    share: float
    alpha: float
    power: float
    looks: int

    @property
    def information(self) -> float:
        """What the experiment needs to know of the difference at its end."""
        one_look = needed_information(self.effect, alpha=self.alpha, power=self.power)
        return one_look * inflation(self.looks, self.alpha, self.power)


def units_an_arm(plan: Plan, traffic: Traffic) -> int:
    """Units that each of two equal arms would need; for one look it is the size for two means of the textbooks."""
    return ceil(2 * traffic.unit_variance * plan.information)


def days_needed(plan: Plan, traffic: Traffic) -> float:
    """Days until the planned information is there; infinite without traffic, or where nothing varies.

    Taken from a period in which cards came back as often as they did; over a much longer one they come back more
    often, and a day then brings a little less.
    """
    a_day = _information_a_day(plan.share, traffic)
    return plan.information / a_day if a_day else inf


def detectable_effect(plan: Plan, traffic: Traffic, days: float) -> float:
    """The least difference that is seen with the planned power after so many days; infinite where none is."""
    information = _information_a_day(plan.share, traffic) * days
    return plan.effect * sqrt(plan.information / information) if information else inf


def _information_a_day(share: float, traffic: Traffic) -> float:
    if traffic.unit_variance <= 0:
        return 0.0
    return traffic.units_a_day * share * (1 - share) / traffic.unit_variance
