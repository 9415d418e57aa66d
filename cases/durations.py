"""Lengths of time in classes, which days and people can be added up by. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
# Seconds. Within a day neighbours lie a third apart at most: half way between, a median is wrong by a seventh.
BOUNDS = (
    5, 10, 13, 16, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480, 600, 750, 900, 1200, 1500, 1800,
    2400, 3000, _HOUR, 4500, 5400, 2 * _HOUR, 9000, 3 * _HOUR, 4 * _HOUR, 5 * _HOUR, 6 * _HOUR, 8 * _HOUR, 10 * _HOUR,
    12 * _HOUR, 16 * _HOUR, 20 * _HOUR, _DAY, 32 * _HOUR, 40 * _HOUR, 2 * _DAY, 64 * _HOUR, 3 * _DAY, 4 * _DAY,
    5 * _DAY, 7 * _DAY, 10 * _DAY, 14 * _DAY, 21 * _DAY, 30 * _DAY,
)  # fmt: skip
CLASSES = len(BOUNDS) + 1
# Seconds that an open case may be old, and the words of the classes between.
AGES = (15 * _MINUTE, _HOUR, 4 * _HOUR, _DAY, 3 * _DAY)
AGE_WORDS = ("under 15 min", "15 to 60 min", "1 to 4 h", "4 to 24 h", "1 to 3 days", "over 3 days")


def median(counts: Sequence[int]) -> timedelta | None:
    """The middle of what was counted in the classes, as if each class were evenly filled. None of nothing."""
    total = sum(counts)
    if not total:
        return None
    sums = list(accumulate(counts))
    at = bisect_right(sums, (total - 1) // 2)
    low = BOUNDS[at - 1] if at else 0
    high = BOUNDS[at] if at < len(BOUNDS) else low
    within = (total / 2 - (sums[at] - counts[at])) / counts[at]
    return timedelta(seconds=low + (high - low) * min(1.0, max(0.0, within)))
