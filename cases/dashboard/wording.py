"""Figures in words: amounts, shares, and what became more or less."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from cases import money
from cases.charts.scale import percent
from cases.dashboard.sums import Share

NONE = "–"
TOO_FEW = "too few to tell"
# From here decimals say nothing anybody reads.
_WHOLE_FROM = 1000
_SAME = 0.005
# From here on tenths say nothing.
_MANY = 10


@dataclass(frozen=True)
class Delta:
    """What changed: `css` is good, bad or plain, `arrow` up, down or empty; the words say both."""

    text: str
    css: str = "plain"
    arrow: str = ""


def amount(value: Decimal, currency: str) -> str:
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else money.shown(value, currency)


def share(value: Share) -> str:
    return NONE if value.value is None else percent(value.value)


def interval(value: Share) -> str:
    """`87% to 94%`; a dash of nothing."""
    return NONE if value.interval is None else " to ".join(percent(end) for end in value.interval)


def share_of_labels(value: Share) -> str:
    """What a few labels say by chance is not said."""
    return share(value) if value.is_telling or not value.whole else TOO_FEW


def interval_of_labels(value: Share) -> str:
    return interval(value) if value.is_telling else NONE


def labels_change(now: Share, before: Share, than: str, *, good: int) -> Delta:
    is_thin = (now.whole and not now.is_telling) or (before.whole and not before.is_telling)
    return Delta("too few labels to compare") if is_thin else share_change(now, before, than, good=good)


def length(value: timedelta | None) -> str:
    """`40 s`, `2.5 min`, `3.1 h`, `4 days`."""
    if value is None:
        return NONE
    seconds = value.total_seconds()
    for limit, unit, size in ((60, "s", 1), (3600, "min", 60), (2 * 86_400, "h", 3600)):
        if seconds < limit:
            number = seconds / size
            return (
                f"{number:.1f}".removesuffix(".0") + f" {unit}" if number < 10 and size > 1 else f"{number:.0f} {unit}"
            )
    return f"{seconds / 86_400:.1f}".removesuffix(".0") + " days"


def change(now: float, before: float, than: str, *, good: int, words: tuple[str, str] = ("more", "less")) -> Delta:
    """Of an amount, a count or a length of time; `good` is 1 where more is better, -1 where less is, else 0."""
    if not before:
        return Delta(f"none in {than}" if now else f"none in {than} either")
    ratio = now / before
    if abs(ratio - 1) < _SAME:
        return Delta(f"as {'much' if words[0] == 'more' else 'long'} as {than}")
    times = f"{ratio:,.0f}" if ratio >= _MANY else f"{ratio:.1f}"
    said = f"{times} times" if ratio >= 2 else f"{abs(ratio - 1):.0%} {words[0] if ratio > 1 else words[1]} than"
    return _judged(f"{said} {than}", is_up=ratio > 1, good=good)


def share_change(now: Share, before: Share, than: str, *, good: int) -> Delta:
    """Of a share, in points. Where the intervals overlap chance may have done it, and nothing is called good or bad."""
    if now.value is None or before.value is None or now.interval is None or before.interval is None:
        return Delta(f"no figure for {than}" if now.whole else "no figure")
    points = (now.value - before.value) * 100
    if abs(points) < 0.005:
        return Delta(f"the same as {than}")
    said = f"{abs(points):.{1 if abs(points) >= 1 else 2}f} points {'more' if points > 0 else 'less'} than {than}"
    if now.interval[0] <= before.interval[1] and before.interval[0] <= now.interval[1]:
        return Delta(f"{said}, may be chance", arrow="up" if points > 0 else "down")
    return _judged(said, is_up=points > 0, good=good)


def _judged(said: str, *, is_up: bool, good: int) -> Delta:
    arrow = "up" if is_up else "down"
    if not good:
        return Delta(said, arrow=arrow)
    is_good = (good > 0) == is_up
    return Delta(f"{said}, {'better' if is_good else 'worse'}", "good" if is_good else "bad", arrow)
