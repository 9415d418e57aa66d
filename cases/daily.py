"""Draws what happened on each of 30 days as plain numbers for an SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cases import words

WIDTH = 820
# The names of the rows stand on the right, beside the newest days: a small screen shows that end first.
_LEFT, _RIGHT, _NAMES = 4, 722, 732
# Three rows, each to its own scale: three frauds beside ten thousand payments would not be seen on one.
_ROWS = (("payments", "Payments", 58), ("flagged", "Flagged", 30), ("fraud", "Fraud", 30))
_TOP, _BETWEEN = 8, 14
_LEAST_HEIGHT = 2.0
_GAP = 0.22


@dataclass(frozen=True)
class Day:
    """Numbers of payments of one day (UTC). `is_counted` is False where the count does not reach back so far."""

    day: date
    payments: int = 0
    flagged: int = 0
    fraud: int = 0
    is_counted: bool = True


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Row:
    """One kind of number: its bars stand on `floor`, the highest is `most`."""

    name: str
    title: str
    most: int
    floor: float
    bars: tuple[Bar, ...]

    @property
    def title_y(self) -> float:
        return self.floor - 14


@dataclass(frozen=True)
class Column:
    """The whole height of one day, to point at."""

    x: float
    width: float
    title: str
    is_counted: bool


@dataclass(frozen=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True)
class Chart:
    words: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    height: float
    floor: float
    width: int = WIDTH
    left: int = _LEFT
    right: int = _RIGHT
    names: int = _NAMES
    top: int = _TOP

    @property
    def span(self) -> float:
        """From the top of the bars to the lowest floor."""
        return self.floor - self.top


def draw(days: Sequence[Day]) -> Chart:
    """Place the days, oldest first, from left to right; at least one."""
    step = (_RIGHT - _LEFT) / len(days)
    rows, floor = [], float(_TOP)
    for name, title, height in _ROWS:
        floor += height
        rows.append(_row(name, title, [getattr(day, name) for day in days], height=height, floor=floor, step=step))
        floor += _BETWEEN
    floor -= _BETWEEN
    return Chart(
        words=_in_words(days),
        rows=tuple(rows),
        columns=tuple(
            Column(round(_LEFT + i * step, 1), round(step, 1), _said(day), day.is_counted) for i, day in enumerate(days)
        ),
        ticks=_ticks(days, step),
        height=floor + 22,
        floor=floor,
    )


def _row(name: str, title: str, numbers: Sequence[int], *, height: int, floor: float, step: float) -> Row:
    most = max(numbers)
    bars = []
    for i, number in enumerate(numbers):
        if number:
            # A day with one is not a day with none, however many the busiest has.
            tall = max(_LEAST_HEIGHT, round(number / most * height, 1))
            x = round(_LEFT + (i + _GAP / 2) * step, 1)
            bars.append(Bar(x, round(floor - tall, 1), round(step * (1 - _GAP), 1), tall))
    return Row(name, title, most, floor, tuple(bars))


def _ticks(days: Sequence[Day], step: float) -> tuple[Tick, ...]:
    """A date under each seventh day, counted back from the last."""
    last = len(days) - 1
    return tuple(
        Tick(round(_LEFT + (i + 0.5) * step, 1), f"{days[i].day:%-d %b}") for i in range(last % 7, last + 1, 7)
    )


def _said(day: Day) -> str:
    if not day.is_counted:
        return f"{day.day:%-d %b}: not counted"
    said = f"{day.day:%-d %b}: {words.count(day.payments, 'payment')}"
    if day.payments:
        said += f", {day.flagged:,} flagged, {day.fraud:,} confirmed fraud"
    return said


def _in_words(days: Sequence[Day]) -> str:
    payments = sum(day.payments for day in days)
    if not payments:
        return f"No payments from {days[0].day:%-d %b} to {days[-1].day:%-d %b}"
    flagged, fraud = sum(day.flagged for day in days), sum(day.fraud for day in days)
    busiest = max(days, key=lambda day: day.payments)
    said = f"{words.count(payments, 'payment')} from {days[0].day:%-d %b} to {days[-1].day:%-d %b}"
    if busiest.payments > 1:
        said += f", most on {busiest.day:%-d %b} ({busiest.payments:,})"
    said += f"; {flagged:,} flagged, {fraud:,} confirmed fraud"
    worst = max(days, key=lambda day: day.fraud)
    if worst.fraud > 1:
        said += f", most fraud on {worst.day:%-d %b} ({worst.fraud:,})"
    return said
