"""The conditions and orders of the queue's filter."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q

from cases import words
from cases.board import SPANS, Wish
from cases.models import CaseTag
from cases.services import claims

# After the first column: the older case first, and of two the same one at each look.
_ORDERS = {
    "stake": ("-stake", "opened_at"),
    "amount": ("-amount", "opened_at"),
    "left": ("due_at",),
    "age": ("opened_at",),
}
_LAST_FOUR = 4


def order_of(sort: str) -> tuple[str, ...]:
    """Columns to order by; the work order is none of these."""
    columns = (*_ORDERS.get(sort.removeprefix("-"), ()), "id")
    return tuple(map(_turned, columns)) if sort.startswith("-") else columns


def _turned(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"


def condition(wish: Wish, *, user: User, now: datetime) -> Q:
    """What an open case must be to fit; the wish's `view` is not looked at.

    A choice that is none any more, in a view kept long ago, narrows nothing here; the form names it where it is opened.
    """
    compared = {
        "stake__gte": wish.stake_from,
        "amount__gte": wish.amount_from,
        "amount__lte": wish.amount_to,
        "currency": wish.currency or None,
        "channel": wish.channel or None,
        "country": wish.country or None,
        "due_at__lt": now + _span(wish.due) if wish.due else None,
        "opened_at__lt": now - _span(wish.older) if wish.older else None,
    }
    fits = Q(**{name: value for name, value in compared.items() if value is not None})
    if wish.by:
        fits &= Q(claimed_by__username=wish.by, claimed_until__gte=now)
    parts = [
        _RISKS.get(wish.risk, Q()),
        _claimed(wish.claimed, user, now),
        _named(wish.text),
        _because(wish.reason),
        _tagged(wish.tag),
    ]
    for part in parts:
        fits &= part
    return fits


def _span(name: str) -> timedelta:
    return SPANS[name][0] if name in SPANS else timedelta(0)


_RISKS = {
    "": Q(),
    "very-high": Q(score__gte=words.VERY_HIGH),
    "high-up": Q(score__gte=words.HIGH),
    "high": Q(score__gte=words.HIGH, score__lt=words.VERY_HIGH),
    "elevated": Q(score__lt=words.HIGH),
    "unknown": Q(score=None),
}


def _claimed(claimed: str, user: User, now: datetime) -> Q:
    return {
        "": Q(),
        "free": claims.unclaimed(now),
        "mine": Q(claimed_by=user, claimed_until__gte=now),
        "taken": Q(claimed_until__gte=now),
    }.get(claimed, Q())


def _named(text: str) -> Q:
    """Whole ids, the four characters of a card the queue shows, or a part of the merchant's name."""
    if not text:
        return Q()
    columns = ("card_id", "customer_id", "merchant_id", "device_id")
    named = Q(merchant_name__icontains=text)
    for column in columns:
        named |= Q(**{column: text})
    return named | Q(card_id__endswith=text) if len(text) == _LAST_FOUR else named


def _because(reason: str) -> Q:
    return Q(reason_codes__contains=[reason]) | Q(top_reason__icontains=reason) if reason else Q()


def _tagged(tag: str) -> Q:
    """A tag as it is kept: small letters. Few cases have it, and an index finds them."""
    return Q(id__in=CaseTag.objects.filter(tag__name=tag.lower()).values("case_id")) if tag else Q()
