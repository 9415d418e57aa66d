"""What an experiment has shown by a look, by the rule that was chosen before it began."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf, sqrt

from scoring.ml.experiments.comparing import CardSums, Difference, compare_with_care
from scoring.ml.experiments.power import Plan
from scoring.ml.experiments.sequential import always_valid_reach, obrien_fleming

# Cards with anything to count (a fraud, a loss) that each arm needs: the tests take sums for normal, and with fewer of
# such skewed numbers they are not yet. Source: the simulations of tests/scoring/test_experiments_errors.py.
FEWEST_HITS = 30
# Further ahead than so many times the plan nothing is foretold.
_FORESIGHT = 4


class State(StrEnum):
    TOO_FEW = "too_few"
    OPEN = "open"
    BETTER = "better"
    WORSE = "worse"
    ALIKE = "alike"


DECIDED = (State.BETTER, State.WORSE, State.ALIKE)


@dataclass(frozen=True)
class Rule:
    """The plan, the days it was made for, and which way the figure is good."""

    plan: Plan
    days: int
    is_less_better: bool

    def look_days(self) -> list[int]:
        """The days of the planned looks; none where every day is one."""
        looks = self.plan.looks
        return [ceil(self.days * (look + 1) / looks) for look in range(looks)]


@dataclass(frozen=True)
class Look:
    """What was known after so many days whose payments count."""

    day: int
    champion: CardSums
    challenger: CardSums


@dataclass(frozen=True)
class Standing:
    """The difference (challenger less champion), the interval that the rule gives it at this look, and what follows.

    low, high: hold the true difference at all looks together with 1 - alpha. is_planned_look: the rule judges today.
    """

    day: int
    difference: Difference
    low: float
    high: float
    state: State
    is_planned_look: bool
    cards: int


def standing_at(look: Look, rule: Rule) -> Standing:
    """What the look shows by itself; see `first_decided` for what it means after those before it."""
    difference = compare_with_care(look.champion, look.challenger)
    reach = _reach(difference.information, look.day, rule)
    low, high = difference.value - reach, difference.value + reach
    is_planned = not rule.plan.looks or look.day in rule.look_days()
    is_few = min(look.champion.hits, look.challenger.hits) < FEWEST_HITS
    state = State.TOO_FEW if is_few else _state(low, high, rule) if is_planned else State.OPEN
    return Standing(look.day, difference, low, high, state, is_planned, look.champion.cards + look.challenger.cards)


def first_decided(standings: Sequence[Standing]) -> Standing | None:
    """The look, in the order of days, at which the rule decided: what comes later takes nothing back."""
    return next((one for one in standings if one.state in DECIDED), None)


def expected_day(standing: Standing, rule: Rule) -> int | None:
    """The day by which it will be known if the difference stays as it is; None when that is not in sight."""
    information = standing.difference.information
    if not information or not standing.day:
        return None
    ahead = rule.look_days() or range(standing.day + 1, max(rule.days, standing.day) * _FORESIGHT)
    value = standing.difference.value
    for day in ahead:
        if day > standing.day:
            reach = _reach(information * day / standing.day, day, rule)
            if _state(value - reach, value + reach, rule) in DECIDED:
                return day
    return None


def _reach(information: float, day: int, rule: Rule) -> float:
    plan = rule.plan
    if not information:
        return inf
    if plan.looks and day in (days := rule.look_days()):
        return obrien_fleming(plan.looks, plan.alpha)[days.index(day)] / sqrt(information)
    # Between planned looks it is only shown, and judges nothing.
    return always_valid_reach(information, plan.information, plan.alpha)


def _state(low: float, high: float, rule: Rule) -> State:
    if high < 0 or low > 0:
        return State.BETTER if (high < 0) == rule.is_less_better else State.WORSE
    return State.ALIKE if -rule.plan.effect < low and high < rule.plan.effect else State.OPEN
