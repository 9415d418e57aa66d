"""Filters that put values into the console's words. They show; they do not decide."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.contrib.auth.models import User
from django.urls import reverse

from cases import money, words
from cases.agreement import Share
from cases.charts.scale import percent
from cases.entity import Entity
from cases.models import Case, FeedEntry, Verdict, VerdictEffect
from cases.sight import Sight

register = template.Library()

register.filter("card", words.masked_card)
register.filter("channel", words.channel_words)
register.filter("shop", words.shop_words)
register.filter("person", words.person)
register.filter("ending", words.ending)

_STAKE_BAR_WIDTH = 64
_LITTLE_TIME_SECONDS = 600


@register.filter
def money_in(amount: Decimal, currency: str) -> str:
    """`{{ amount|money_in:currency }}` -> `1,249.00`."""
    return money.shown(amount, currency)


@register.filter
def whole(amount: Decimal) -> str:
    return f"{amount:,.0f}"


@register.filter
def age(then: datetime, now: datetime) -> str:
    return words.duration(now - then)


@register.filter
def time_left(due_at: datetime, now: datetime) -> str:
    left = words.duration(due_at - now)
    return left if due_at > now else f"{left} over"


@register.filter
def urgency(due_at: datetime, now: datetime) -> str:
    """CSS class of the time left."""
    seconds = (due_at - now).total_seconds()
    return "over" if seconds <= 0 else "soon" if seconds < _LITTLE_TIME_SECONDS else "fine"


@register.filter
def claimant(case: Case, now: datetime) -> User | None:
    """Who works on the case; nobody once the lease is over."""
    is_running = case.claimed_until is not None and case.claimed_until >= now
    return case.claimed_by if is_running else None


@register.filter
def people(users: Sequence[User]) -> str:
    return words.listed([words.person(user) for user in users])


@register.filter
def looking(case: Case) -> list[User]:
    """Who else has the case's page open; needs cases with their `signs`."""
    return [sign.user for sign in case.signs]  # type: ignore[attr-defined]


@register.filter
def hides_score(row: Any, sight: Sight) -> bool:
    """Whether the score of a case, a found payment, or an entry of the feed waits for the verdict."""
    if isinstance(row, FeedEntry):
        return sight.hides_entry(row.case_id)
    if isinstance(row, Case):
        return sight.hides_score(row.id, row.status)
    if isinstance(row, dict):
        return sight.hides_score(row["case_id"] or None, row["case_status"])
    return sight.hides_score(row.case_id, row.case_status or "")


@register.filter
def bar(stake: Decimal, largest: Decimal) -> int:
    """Width of a stake's bar; the largest fills it."""
    return max(2, round(_STAKE_BAR_WIDTH * float(stake / largest))) if largest else 2


@register.filter
def page_of(entity: Entity) -> str:
    """Address of its page; empty where it has none."""
    # A browser folds `..` in an address away: the link would lead elsewhere.
    has_page = entity.name and not {".", ".."} & set(entity.name.split("/"))
    return reverse("entity", args=[entity.kind, entity.name]) if has_page else ""


@register.filter
def block_words(days: int) -> str:
    """What a block of so many days is called on the button; -1 is none."""
    return {-1: "", 0: "block card without end, "}.get(days, f"block card {words.count(days, 'day')}, ")


@register.filter
def is_ticked(payment_id: int, ticked: Sequence[str] | None) -> bool:
    return ticked is None or str(payment_id) in ticked


@register.filter
def chosen_for(chosen: dict[str, str], payment_id: int) -> str:
    """The label that was chosen for one payment; empty for as the case."""
    return chosen.get(str(payment_id), "")


@register.filter
def effect_to_come(effect: VerdictEffect, said: Verdict) -> str:
    """An effect that has not left, in words."""
    days = f" for {words.count(effect.days, 'day')}" if effect.days else " without end"
    labels = Counter(payment.label for payment in said.payments.all() if payment.label)
    counted = ", ".join(f"{words.count(number, 'payment')} {label}" for label, number in sorted(labels.items()))
    return {
        VerdictEffect.Kind.LABEL: f"label {counted}",
        VerdictEffect.Kind.BLOCK_CARD: f"block the card{days}",
        VerdictEffect.Kind.BLOCK_DEVICE: f"block the device{days}",
        VerdictEffect.Kind.BLOCK_IP: f"block the address{days}",
        VerdictEffect.Kind.UNBLOCK_CARD: "lift what the case blocked",
        VerdictEffect.Kind.ALLOW_DEVICE: f"allow the device{days}",
        VerdictEffect.Kind.TELL: "tell the payment system of the held payments",
    }[VerdictEffect.Kind(effect.kind)]


@register.inclusion_tag("components/_entity.html")
def entity(kind: str, name: str, shown: str = "") -> dict[str, object]:
    """A link to whose page this is; the full name is its title."""
    named = Entity(kind, name)
    return {"url": page_of(named), "name": name, "shown": shown or named.shown}


@register.filter
def risk_words(score: float | None) -> str:
    return words.risk_band(score)[0]


@register.filter
def risk_class(score: float | None) -> str:
    return words.risk_band(score)[1]


@register.inclusion_tag("components/_risk.html")
def risk(score: float | None) -> dict[str, object]:
    said, css_class = words.risk_band(score)
    return {"words": said, "class": css_class, "score": score}


@register.inclusion_tag("components/_time.html")
def moment(value: datetime, style: str = "minute") -> dict[str, object]:
    """A time in UTC: `minute` 22 Nov 14:02, `second` 22 Nov 14:02:31, `clock` 14:02:31, `full` 2026-11-22 14:02:31."""
    formats = {"minute": "j M H:i", "second": "j M H:i:s", "clock": "H:i:s", "full": "Y-m-d H:i:s"}
    return {"value": value, "format": formats[style]}


register.filter("percent", percent)


@register.filter
def seconds(number: float) -> str:
    """`42 s`, `3.5 min`: fine enough for both ends of an interval to differ."""
    if number < 120:
        return f"{number:.0f} s"
    return f"{number / 60:.1f} min" if number < 7200 else words.duration(timedelta(seconds=number))


@register.inclusion_tag("components/_share.html")
def share(value: Share, kind: str = "good") -> dict[str, object]:
    """A share with its interval, in words and as a bar 120 wide; `kind`: whether much of it is good or bad."""
    low, high = value.interval
    bar = {"at": round(120 * value.value, 1), "low_x": round(120 * low, 1), "width": round(120 * (high - low), 1)}
    return {"share": value, "low": low, "high": high, "kind": kind, **bar}
