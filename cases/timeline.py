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
MONTH = timedelta(days=30)
# A month, its last day and its last hour side by side: on one axis seven payments of an hour are one dot.
_DAY_FROM, _HOUR_FROM = 420, 620
# An amount closer than this to the usual line would be written over its words.
_LINE_OF_TEXT = 14


@dataclass(frozen=True)
class Payment:
    """What the drawing needs of one payment. `label` is fraud, legitimate or empty."""

    occurred_at: datetime
    amount: Decimal
    currency: str
    is_alert: bool = False
    label: str = ""
    where: str = ""


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
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    floor: int = _FLOOR


def usual_amount(payments: Sequence[Payment], currency: str) -> Decimal | None:
    """Median of the card's payments outside the case, in this currency. None without any."""
    amounts = [payment.amount for payment in payments if not payment.is_alert and payment.currency == currency]
    return median(amounts) if amounts else None


def draw(payments: Sequence[Payment], *, currency: str, until: datetime) -> Timeline:
    """Place the payments of the 30 days before `until`; amounts to scale, other currencies left out."""
    recent = [p for p in payments if until - MONTH <= p.occurred_at <= until]
    shown = [p for p in recent if p.currency == currency]
    largest = max((p.amount for p in shown), default=Decimal(1))
    usual = usual_amount(shown, currency)
    usual_y = None if usual is None else _y(usual, largest)
    dots = [_dot(p, largest=largest, until=until) for p in shown]
    return Timeline(
        words=_in_words(shown, currency=currency, usual=usual),
        dots=tuple(_noted(sorted(dots, key=lambda dot: (dot.is_alert, dot.radius)), usual_y)),
        ticks=_ticks(until),
        separators=(_DAY_FROM, _HOUR_FROM),
        usual="" if usual is None else f"usual {money.shown(usual, currency)}",
        usual_y=usual_y,
        left_out=len(recent) - len(shown),
    )


def _dot(payment: Payment, *, largest: Decimal, until: datetime) -> Dot:
    share = float(payment.amount / largest)
    x, amount = _x(payment.occurred_at, until), money.shown(payment.amount, payment.currency)
    said = f"{payment.occurred_at:%d %b %H:%M} UTC: {amount} {payment.currency}"
    parts = [said, payment.where, "in this case" if payment.is_alert else "", payment.label]
    return Dot(
        x=x,
        y=_y(payment.amount, largest),
        radius=round(3 + 6 * sqrt(share), 1),
        kind=payment.label or ("alert" if payment.is_alert else "plain"),
        title=", ".join(part for part in parts if part),
        is_alert=payment.is_alert,
        note=amount,
        note_anchor="end" if x > _RIGHT - 60 else "start" if x < _LEFT + 40 else "middle",
    )


def _x(at: datetime, until: datetime) -> float:
    ago = until - at
    if ago <= HOUR:
        start, end, share = _HOUR_FROM, _RIGHT - 12, 1 - ago / HOUR
    elif ago <= DAY:
        start, end, share = _DAY_FROM, _HOUR_FROM, 1 - (ago - HOUR) / (DAY - HOUR)
    else:
        start, end, share = _LEFT, _DAY_FROM, 1 - (ago - DAY) / (MONTH - DAY)
    # Dots keep clear of the separators, so that each is seen to belong to one side.
    return round(start + 8 + share * (end - start - 16), 1)


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


def _ticks(until: datetime) -> tuple[Tick, ...]:
    return (
        Tick(_LEFT, f"{until - MONTH:%-d %b}"),
        Tick(_DAY_FROM + 6, "last 24 hours"),
        Tick(_HOUR_FROM + 6, "last hour"),
        Tick(_RIGHT, f"{until:%-d %b %H:%M}", "end"),
    )


def _in_words(payments: Sequence[Payment], *, currency: str, usual: Decimal | None) -> str:
    others = [p.amount for p in payments if not p.is_alert]
    flagged = [p.amount for p in payments if p.is_alert]
    said = "No other payments in 30 days"
    if others:
        low, high = money.shown(min(others), currency), money.shown(max(others), currency)
        said = f"{words.count(len(others), 'other payment')} in 30 days, {low} to {high} {currency}"
        said += f", usually {money.shown(usual or Decimal(0), currency)}"
    if flagged:
        said += f"; {len(flagged)} in this case, the largest {money.shown(max(flagged), currency)} {currency}"
    return said
