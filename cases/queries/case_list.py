"""Cases page by page, each page going on after the last case of the one before."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import ExpressionWrapper, F, FloatField, Q, QuerySet, Value
from django.db.models.lookups import Exact, LessThan

from cases import access
from cases.board import Wish
from cases.models import Case
from cases.queries import board
from cases.queries.casework import prefetch_tags
from cases.queries.queues import Desk, by_weight
from cases.queries.sight import sight_of
from cases.services import claims
from cases.sight import Sight

Listed = Literal["open", "snoozed", "approval", "decided", "any"]
# Which columns put a list in order, a minus for the newest first; the work order is none of them.
_ORDERS: dict[Listed, tuple[str, str]] = {
    "approval": ("due_at", "id"),
    "decided": ("-decided_at", "-id"),
    "any": ("-opened_at", "-id"),
}


@dataclass(frozen=True)
class Place:
    """The last case of a page. In the work order `weight` is what it weighed at `at`, and `at` stays for all pages."""

    at: datetime
    moment: datetime
    id: UUID
    weight: float = 0.0


@dataclass(frozen=True)
class Asked:
    """Which cases. Empty and None mean any; `wish` holds what the console's filter has too."""

    listed: Listed = "open"
    queue: str = ""
    card_id: str = ""
    opened_since: datetime | None = None
    opened_before: datetime | None = None
    due_before: datetime | None = None
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True)
class CasePage:
    """`after` is the place to go on from; None at the end."""

    cases: list[Case]
    sight: Sight
    after: Place | None


def cases_page(asked: Asked, *, user: User, now: datetime, limit: int, after: Place | None = None) -> CasePage:
    """At most `limit` cases of queues the user sees: open ones in the work order, the others by their time.

    A case that the user reviews blind is in no list: it is decided, and must not be seen to be.
    """
    desk, sight = access.desk_for(user), sight_of(user)
    chosen = {queue.id for queue in desk.queues if queue.slug == asked.queue} if asked.queue else desk.seen
    fitting = _fitting(asked, user=user, now=now) & _visible(desk, chosen, asked) & ~Q(id__in=sight.blind)
    at = after.at if after else now
    found = _in_work_order if asked.listed in ("open", "snoozed") else _by_time
    rows = found(fitting, asked.listed, chosen & desk.seen, at, after, limit + 1)
    shown = rows.select_related("claimed_by", "decided_by", "queue").prefetch_related(prefetch_tags())
    cases = list(shown)
    return CasePage(cases[:limit], sight, _place(cases[limit - 1], asked.listed, at) if len(cases) > limit else None)


def _visible(desk: Desk, chosen: Collection[int], asked: Asked) -> Q:
    return Q(queue__in=set(chosen) & desk.seen) if asked.queue else desk.visible()


def _fitting(asked: Asked, *, user: User, now: datetime) -> Q:
    compared = {
        "card_id": asked.card_id or None,
        "opened_at__gte": asked.opened_since,
        "opened_at__lt": asked.opened_before,
        "due_at__lt": asked.due_before,
    }
    fits = Q(**{name: value for name, value in compared.items() if value is not None})
    return fits & _STATES[asked.listed](now) & board.condition(asked.wish, user=user, now=now)


_OPEN = Q(status=Case.Status.OPEN)
_STATES = {
    "open": lambda now: _OPEN & claims.awake(now),
    "snoozed": lambda now: _OPEN & Q(snoozed_until__gt=now),
    "approval": lambda now: Q(status=Case.Status.APPROVAL),
    "decided": lambda now: Q(status=Case.Status.DECIDED),
    "any": lambda now: ~Q(status=Case.Status.MERGED),
}


def _in_work_order(
    fitting: Q, listed: Listed, queue_ids: Collection[int], at: datetime, after: Place | None, limit: int
) -> "QuerySet[Case]":
    """The heaviest at `at` after the place, found among those of each queue, which come from its index."""
    waiting = Case.objects.filter(fitting & _lighter(at, after))
    ordered = [waiting.filter(queue=one).order_by("-rank", "opened_at", "id").values("id") for one in queue_ids]
    if not ordered:
        return Case.objects.none()
    tops = [one[:limit] for one in ordered]
    found = tops[0].union(*tops[1:], all=True) if len(tops) > 1 else tops[0]
    return by_weight(Case.objects.filter(id__in=found), now=at)[:limit]


def _lighter(at: datetime, after: Place | None) -> Q:
    """Rows that come after the place, in the order of `by_weight`."""
    if after is None:
        return Q()
    passed = Value(at.timestamp()) / (F("half_life_minutes") * Value(60.0))
    weight = ExpressionWrapper(F("rank") + passed, output_field=FloatField())
    younger = Q(opened_at__gt=after.moment) | Q(opened_at=after.moment, id__gt=after.id)
    return Q(LessThan(weight, after.weight)) | Q(Exact(weight, after.weight)) & younger


def _by_time(
    fitting: Q, listed: Listed, queue_ids: Collection[int], at: datetime, after: Place | None, limit: int
) -> "QuerySet[Case]":
    column, tie = _ORDERS[listed]
    beyond = Q()
    if after is not None:
        name, side = column.removeprefix("-"), "lt" if column.startswith("-") else "gt"
        beyond = Q(**{f"{name}__{side}": after.moment}) | Q(**{name: after.moment, f"id__{side}": after.id})
    return Case.objects.filter(fitting & beyond).order_by(column, tie)[:limit]


def _place(last: Case, listed: Listed, at: datetime) -> Place:
    if listed in ("open", "snoozed"):
        weight: Any = last.weight  # type: ignore[attr-defined]
        return Place(at, last.opened_at, last.id, weight)
    column, _ = _ORDERS[listed]
    return Place(at, getattr(last, column.removeprefix("-")), last.id)
