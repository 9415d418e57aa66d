"""When hits of a rule are far above usual, have stopped, or catch less fraud than they did. Pure.

How often each is wrong is measured by `python -m bench.rule_alarms` and told in docs/rule-health.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cases.agreement import FEWEST
from scoring.intervals import wilson

DAY_HOURS, WEEK_HOURS = 24, 168
# Four weeks, a day to compare with each of their days, and the running hour.
LOOK_BACK_HOURS = 4 * WEEK_HOURS + DAY_HOURS + 1
_WEEKS, _DAYS = range(1, 5), range(1, 8)
# Fewer hours, or days, to compare with say nothing.
_FEWEST_HOURS, _FEWEST_DAYS = 6, 3
# 3.5 is the customary limit for one look; rules are looked at every hour of the year.
_SPIKE, _SPIKE_IS_OVER = 6.0, 3.0
# A rule of one hit a week is not in an uproar with three.
_LEAST_MORE, _LEAST_TIMES = {1: 10, DAY_HOURS: 20}, 2.0
# Makes the median absolute deviation what the standard deviation is for a normal distribution.
_MAD = 1.4826
_SILENCE = 1e-4
# So many silences a month and rule may be chance: between many hits there are many pauses.
_CHANCE_SILENCES = 0.01
_USED_TO_HIT = 20
# A difference of two shares that chance makes once in 10,000 times, and the least that is worth a look.
_FALL_Z, _LEAST_FALL = 3.7, 0.1
_LEAST_LIKE = 2 / 3


@dataclass(frozen=True)
class Past:
    """hits: int64 (hours,) of one rule, payments: int64 (hours,) of all; the last hour is the running one.

    begin_of_week: hour of the week, 0-167, of the first column. since: the first column to compare with; before it the
    rule was not in force.
    """

    hits: NDArray[np.int64]
    payments: NDArray[np.int64]
    begin_of_week: int
    since: int = 0


@dataclass(frozen=True)
class Spike:
    """`hits` in `hours` hours where `usual` are; `z` robust deviations above."""

    hits: int
    usual: float
    z: float
    hours: int


@dataclass(frozen=True)
class Silence:
    """No hit for `hours`, in which `expected` were; `chance` of that."""

    hours: int
    expected: float
    chance: float


class Labels(NamedTuple):
    """Of `hits` flagged payments so many are labelled, and so many of these fraud."""

    frauds: int
    labelled: int
    hits: int

    @property
    def precision(self) -> float:
        return self.frauds / self.labelled

    @property
    def coverage(self) -> float:
        return self.labelled / self.hits


@dataclass(frozen=True)
class Fall:
    """Labels `now`, and as they were `before`."""

    now: Labels
    before: Labels


def find_spike(past: Past, *, is_open: bool = False) -> Spike | None:
    """The stronger of an hour's and a day's, if there is one; while one `is_open` it ends later than it begins.

    Hits of the running and of the last full hour, and of the last 24 hours, are compared with the same hours and their
    neighbours of the four weeks before, or without so long a past of the seven days before.

    Source: B. Iglewicz and D. Hoaglin, How to detect and handle outliers (1993): modified z-scores by median and MAD.
    """
    last = len(past.hits) - 1
    looks = [(1, last), (1, last - 1), (DAY_HOURS, last)]
    found = [spike for hours, column in looks if (spike := _look(past, column, hours))]
    limit = _SPIKE_IS_OVER if is_open else _SPIKE
    high = [spike for spike in found if spike.z >= limit and (is_open or _is_worth_it(spike))]
    return max(high, key=lambda spike: spike.z, default=None)


def _is_worth_it(spike: Spike) -> bool:
    return spike.hits >= spike.usual + _LEAST_MORE[spike.hours] and spike.hits >= _LEAST_TIMES * spike.usual


def _look(past: Past, column: int, hours: int) -> Spike | None:
    """Hits of `hours` up to a column beside those of earlier times; None where these are too few, or one is more."""
    around = (-1, 0, 1) if hours == 1 else (0,)
    fewest = _FEWEST_HOURS if hours == 1 else _FEWEST_DAYS
    for step, times in ((WEEK_HOURS, _WEEKS), (DAY_HOURS, _DAYS)):
        ends = [column - step * number + beside for number in times for beside in around]
        others = [_sum(past, end, hours) for end in ends if _is_known(past, end, hours)]
        if len(others) >= fewest:
            return _beside(_sum(past, column, hours), others, hours)
    return None


def _is_known(past: Past, end: int, hours: int) -> bool:
    begin = end - hours + 1
    return begin >= past.since and bool(past.payments[begin : end + 1].any())


def _sum(past: Past, end: int, hours: int) -> int:
    return int(past.hits[max(0, end - hours + 1) : end + 1].sum())


def _beside(hits: int, others: Sequence[int], hours: int) -> Spike | None:
    if hits <= max(others):
        return None
    usual = float(np.median(others))
    # Counts vary by at least the root of their size, however alike the few others happen to be.
    spread = max(_MAD * float(np.median(np.abs(np.array(others) - usual))), sqrt(usual), 1.0)
    return Spike(hits, usual, (hits - usual) / spread, hours)


def find_silence(past: Past) -> Silence | None:
    """Whether a rule that used to hit has stopped: so long a pause is less likely than 1 to 10,000.

    Expected are as many hits a payment as at the same hour of the week (of the day, while the past is shorter than two
    weeks), so nights and quiet days expect little, and a stretch without payments nothing. Where hits come in bursts,
    the expected number is divided by how much more than by chance they vary.
    """
    hit_at = np.flatnonzero(past.hits[past.since :])
    if not len(hit_at):
        return None
    last = past.since + int(hit_at[-1])
    known = slice(past.since, last + 1)
    total = int(past.hits[known].sum())
    if total < _USED_TO_HIT or last + 1 - past.since < 2 * DAY_HOURS:
        return None
    expected = _expected(past, known)
    awaited = float(expected[last + 1 :].sum()) / _dispersion(past.hits[known], expected[known])
    chance = exp(-awaited)
    months = max(1.0, (last + 1 - past.since) / (4 * WEEK_HOURS))
    if chance >= min(_SILENCE, _CHANCE_SILENCES * months / total):
        return None
    return Silence(len(past.hits) - 1 - last, awaited, chance)


def _expected(past: Past, known: slice) -> NDArray[np.float64]:
    """Hits to expect in each hour, float64 (hours,), of its payments."""
    cycle = WEEK_HOURS if known.stop - known.start >= 2 * WEEK_HOURS else DAY_HOURS
    place = (past.begin_of_week + np.arange(len(past.hits))) % cycle
    hits = np.bincount(place[known], past.hits[known], cycle)
    payments = np.bincount(place[known], past.payments[known], cycle)
    rates = np.divide(hits, payments, out=np.zeros(cycle), where=payments > 0)
    expected: NDArray[np.float64] = rates[place] * past.payments
    return expected


def _dispersion(hits: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """How many times more than a Poisson process hits vary, by the hour or by the day; at least 1."""
    days = len(hits) // DAY_HOURS
    by_day = (-1, DAY_HOURS)
    tail = slice(len(hits) - days * DAY_HOURS, None)
    daily, daily_expected = hits[tail].reshape(by_day).sum(axis=1), expected[tail].reshape(by_day).sum(axis=1)
    return max(1.0, _excess(hits, expected), _excess(daily, daily_expected))


def _excess(hits: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    total = float(expected.sum())
    return float(((hits - expected) ** 2).sum()) / total if total else 0.0


def find_fall(now: Labels, before: Labels, *, is_open: bool = False) -> Fall | None:
    """Whether precision is surely less than before; while `is_open`, until it is back within reach.

    The intervals do not overlap, chance makes such a difference once in 10,000 times, and it is a tenth or more. Where
    a much larger or smaller part of the hits is labelled, the labels are of another kind, chargebacks alone for
    example, and nothing is said.
    """
    if min(now.labelled, before.labelled) < FEWEST or not _is_like(now.coverage, before.coverage):
        return None
    former = wilson(before.frauds, before.labelled)
    if is_open:
        return Fall(now, before) if now.precision < former[0] else None
    both = (now.frauds + before.frauds) / (now.labelled + before.labelled)
    error = sqrt(both * (1 - both) * (1 / now.labelled + 1 / before.labelled))
    is_apart = wilson(now.frauds, now.labelled)[1] < former[0]
    is_sure = before.precision - now.precision >= max(_LEAST_FALL, _FALL_Z * error)
    return Fall(now, before) if is_apart and is_sure else None


def _is_like(one: float, other: float) -> bool:
    return min(one, other) >= _LEAST_LIKE * max(one, other)
