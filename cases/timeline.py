"""Draws a card's payments over time as plain numbers for an SVG. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from statistics import median

from cases import money, words

WIDTH, HEIGHT = 820, 158
_LEFT, _RIGHT, _TOP, _FLOOR = 10, 808, 22, 128
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONTH, WEEK = timedelta(days=30), timedelta(days=7)
# An amount closer than this to the usual line would be written over its words.
_LINE_OF_TEXT = 14


@dataclass(frozen=True)
class Stretch:
    """A piece of the axis: the time from `since` to `until` before the end, drawn from x to x."""

    since: timedelta
    until: timedelta
    left: float
    right: float
    title: str = ""


@dataclass(frozen=True)
class Span:
    """How far back a drawing looks; `step` is the time between the ticks of an axis of one piece."""

    name: str
    title: str
    stretches: tuple[Stretch, ...]
    step: timedelta = DAY
    tick: str = "%-d %b"

    @property
    def length(self) -> timedelta:
        return self.stretches[0].since


_NOW = timedelta()
SPANS = {
    span.name: span
    for span in (
        # A month, its last day and its last hour side by side: on one axis seven payments of an hour are one dot.
        Span(
            "month",
            "30 days",
            (
                Stretch(MONTH, DAY, _LEFT, 420),
                Stretch(DAY, HOUR, 420, 620, "last 24 hours"),
                Stretch(HOUR, _NOW, 620, _RIGHT - 12, "last hour"),
            ),
        ),
        Span("week", "7 days", (Stretch(WEEK, _NOW, _LEFT, _RIGHT - 12),)),
        Span("day", "24 hours", (Stretch(DAY, _NOW, _LEFT, _RIGHT - 12),), step=4 * HOUR, tick="%H:%M"),
    )
}


@dataclass(frozen=True)
class Payment:
    """What the drawing needs of one payment. `label` is fraud, legitimate or empty."""

    occurred_at: datetime
    amount: Decimal
    currency: str
    is_alert: bool = False
    label: str = ""
    where: str = ""
    is_declined: bool = False


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    kind: str  # alert, fraud, legitimate, plain
    title: str
    is_alert: bool
    note: str
    note_anchor: str = "middle"
    is_declined: bool = False

    @property
    def cross(self) -> str:
        """Path of the cross over a declined payment."""
        arm = max(4.5, round(self.radius * 0.75, 1))
        x, y, far = round(self.x - arm, 1), round(self.y - arm, 1), 2 * arm
        return f"M{x:g} {y:g}l{far:g} {far:g}m0 {-far:g}l{-far:g} {far:g}"

    @property
    def note_y(self) -> float:
        return round(self.y - self.radius - 5, 1)

    @property
    def side(self) -> float:
        """Of the square drawn instead of a circle where a label is known: shape as well as colour tells."""
        return round(2 * self.radius, 1)

    @property
    def left(self) -> float:
        return round(self.x - self.radius, 1)

    @property
    def top(self) -> float:
        return round(self.y - self.radius, 1)


@dataclass(frozen=True)
class Tick:
    x: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True)
class Timeline:
    words: str
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    separators: tuple[float, ...]
    usual: str
    usual_y: float | None
    # Payments of the time that are in other currencies: amounts to scale cannot hold them.
    left_out: int = 0
    span: str = "month"
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    floor: int = _FLOOR

    @property
    def usual_text_y(self) -> float:
        """Under the line where there is no room above it."""
        y = self.usual_y or 0.0
        return round(y - 5 if y > _TOP else y + 13, 1)

    @property
    def spans(self) -> list[Span]:
        return list(SPANS.values())

    @property
    def next_span(self) -> str:
        """The one that a key goes on to."""
        names = list(SPANS)
        return names[(names.index(self.span) + 1) % len(names)]


def usual_amount(payments: Sequence[Payment], currency: str) -> Decimal | None:
    """Median of the card's payments outside the case, in this currency. None without any."""
    amounts = [payment.amount for payment in payments if not payment.is_alert and payment.currency == currency]
    return median(amounts) if amounts else None


def draw(payments: Sequence[Payment], *, currency: str, until: datetime, span: str = "month") -> Timeline:
    """Place the payments of the span before `until`; amounts to scale, other currencies left out.

    What is usual is said of all payments given, whatever the span.
    """
    axis = SPANS[span]
    recent = [p for p in payments if until - axis.length <= p.occurred_at <= until]
    shown = [p for p in recent if p.currency == currency]
    usual = usual_amount(payments, currency)
    largest = max([p.amount for p in shown] + ([usual] if usual else []), default=Decimal(1))
    usual_y = None if usual is None else _y(usual, largest)
    dots = [_dot(p, axis, largest=largest, until=until) for p in shown]
    return Timeline(
        words=_in_words(shown, axis, currency=currency, usual=usual),
        dots=tuple(_noted(sorted(dots, key=lambda dot: (dot.is_alert, dot.radius)), usual_y)),
        ticks=_ticks(axis, until),
        separators=tuple(stretch.left for stretch in axis.stretches[1:]),
        usual="" if usual is None else f"usual {money.shown(usual, currency)}",
        usual_y=usual_y,
        left_out=len(recent) - len(shown),
        span=span,
    )


def _dot(payment: Payment, axis: Span, *, largest: Decimal, until: datetime) -> Dot:
    share = float(payment.amount / largest)
    x, amount = _x(axis, until - payment.occurred_at), money.shown(payment.amount, payment.currency)
    said = f"{payment.occurred_at:%d %b %H:%M} UTC: {amount} {payment.currency}"
    in_case, declined = "in this case" if payment.is_alert else "", "declined" if payment.is_declined else ""
    parts = [said, payment.where, in_case, declined, payment.label]
    return Dot(
        x=x,
        y=_y(payment.amount, largest),
        radius=round(3 + 6 * sqrt(share), 1),
        kind=payment.label or ("alert" if payment.is_alert else "plain"),
        title=", ".join(part for part in parts if part),
        is_alert=payment.is_alert,
        note=amount,
        note_anchor="end" if x > _RIGHT - 60 else "start" if x < _LEFT + 40 else "middle",
        is_declined=payment.is_declined,
    )


def _x(axis: Span, ago: timedelta) -> float:
    stretch = next(piece for piece in reversed(axis.stretches) if ago <= piece.since)
    share = 1 - (ago - stretch.until) / (stretch.since - stretch.until)
    # Dots keep clear of the separators, so that each is seen to belong to one side.
    return round(stretch.left + 8 + share * (stretch.right - stretch.left - 16), 1)


def _y(amount: Decimal, largest: Decimal) -> float:
    return round(_FLOOR - 4 - float(amount / largest) * (_FLOOR - _TOP - 12), 1)


def _noted(dots: Sequence[Dot], usual_y: float | None) -> list[Dot]:
    """Leave the amount beside the largest payment of the case, and beside the largest other that stands out."""
    tallest: dict[bool, Dot] = {}
    for dot in dots:
        if dot.is_alert not in tallest or dot.y < tallest[dot.is_alert].y:
            tallest[dot.is_alert] = dot
    clear = _FLOOR if usual_y is None else usual_y - _LINE_OF_TEXT
    named = [dot for dot in tallest.values() if dot.is_alert or dot.y < clear]
    return [dot if any(dot is one for one in named) else replace(dot, note="") for dot in dots]


def _ticks(axis: Span, until: datetime) -> tuple[Tick, ...]:
    end = Tick(_RIGHT, f"{until:%-d %b %H:%M}", "end")
    if len(axis.stretches) > 1:
        named = [Tick(piece.left + 6, piece.title) for piece in axis.stretches[1:]]
        return (Tick(_LEFT, f"{until - axis.length:%-d %b}"), *named, end)
    steps = [number * axis.step for number in range(1, int(axis.length / axis.step) + 1)]
    # From the left; the nearest to the end would be written into its time.
    inner = [Tick(_x(axis, ago), f"{until - ago:{axis.tick}}", "middle") for ago in reversed(steps[:-1])]
    return (Tick(_LEFT, f"{until - axis.length:{axis.tick}}"), *inner, end)


def _in_words(payments: Sequence[Payment], axis: Span, *, currency: str, usual: Decimal | None) -> str:
    others = [p.amount for p in payments if not p.is_alert]
    flagged = [p.amount for p in payments if p.is_alert]
    said = f"No other payments in {axis.title}"
    if others:
        low, high = money.shown(min(others), currency), money.shown(max(others), currency)
        said = f"{words.count(len(others), 'other payment')} in {axis.title}, {low} to {high} {currency}"
        said += f", usually {money.shown(usual or Decimal(0), currency)}"
    if flagged:
        said += f"; {len(flagged)} in this case, the largest {money.shown(max(flagged), currency)} {currency}"
    return said
