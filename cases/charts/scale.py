"""From values to places on the paper: round ticks, a straight scale, short numbers."""

from dataclasses import dataclass
from math import ceil, floor, log10

# What is smaller is drawn as nothing; logarithms fail where a step can no longer be told from zero.
_NOTHING = 1e-9
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """Takes `low` to `start` and `high` to `end`, straight between. `low` < `high`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def nice_ticks(low: float, high: float, *, count: int = 4, least_step: float = 0.0) -> list[float]:
    """Round numbers from `low` or less to `high` or more, about `count` steps apart; zero is always one of them.

    Steps are 1, 2, 2.5 or 5 times a power of ten, and not below `least_step` (1 where halves mean nothing).
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < _NOTHING:
        low, high = 0.0, max(1.0, least_step)
    step = max(_nice_step((high - low) / count), least_step)
    return [number * step for number in range(floor(low / step), ceil(high / step) + 1)]


def _nice_step(rough: float) -> float:
    power: float = 10.0 ** floor(log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - 1e-9))


def short(number: float) -> str:
    """`950`, `1.2k`, `34k`, `5.6M`: three digits at most, for an axis."""
    for limit, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.1f}".removesuffix(".0") + unit
    return f"{number:.0f}" if number == int(number) else f"{number:.2f}".rstrip("0")


def percent(share: float) -> str:
    """`12%`, `0.5%`, `0.02%`: of a share, 0-1, with what it takes to be told from zero."""
    hundredths = share * 100
    digits = 0 if hundredths >= 10 or hundredths == int(hundredths) else 1 if hundredths >= 0.95 else 2
    return f"{hundredths:.{digits}f}%"
