"""The work queue and the numbers in the top bar."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from cases import access, words
from cases.board import Wish
from cases.modelling.drift_queries import count_unseen_drift
from cases.models import Case, SavedView
from cases.policy.health_queries import count_unseen_alarms
from cases.queries import board
from cases.queries.approvals import count_to_approve
from cases.queries.casework import prefetch_tags
from cases.queries.presence import prefetch_lookers
from cases.queries.queue_counts import conditions, counts_by_queue, open_count
from cases.queries.queues import Desk, by_weight, heaviest
from cases.recent import Recent

# Work is taken from the top; a row costs half a millisecond to render.
MAX_ROWS = 100
_OPEN = Q(status=Case.Status.OPEN)
_FROM_THE_END = "-weight"
# Counts of a person's saved views read every open case.
_KEPT: Recent[dict[str, int]] = Recent(most=500, age=timedelta(seconds=30))


def forget_counts() -> None:
    """Count the saved views again at the next look."""
    _KEPT.clear()


@dataclass(frozen=True)
class QueueView:
    """One of the queue's own views, or a saved one with its row, whose count may be up to half a minute old."""

    name: str
    title: str
    count: int
    saved: SavedView | None = None


@dataclass(frozen=True)
class QueueTab:
    """A queue the user sees, or all of them (no slug)."""

    slug: str
    title: str
    count: int


@dataclass(frozen=True)
class Queue:
    """`count` of the open cases fit the wish; `total` is all of them that the user sees."""

    cases: list[Case]
    views: list[QueueView]
    saved_views: list[QueueView]
    current: QueueView
    tabs: list[QueueTab]
    current_tab: QueueTab
    count: int
    total: int
    largest_stake: Decimal


@dataclass(frozen=True)
class Nav:
    """What every page shows about the desk and the user."""

    open_count: int
    role: str
    may_watch: bool
    may_review: bool
    # Verdicts that wait for a second person; None for who is none.
    to_approve: int | None
    # Alarms of rules that nobody looks after; None for who may not see policies.
    rule_alarms: int | None
    # Alarms of drift that nobody looks after; None for who may not see reports of drift.
    drift_alarms: int | None


def open_cases(
    *,
    wish: Wish | None,
    saved: Sequence[SavedView] = (),
    user: User,
    now: datetime,
    queue: str = "",
) -> Queue:
    """Open cases the user sees that fit the wish: at most 100 rows, and how many there are. An unknown view is "all".

    Without a queue, or with one the user does not see, it is all they see. Without a wish (it could not be understood)
    no case is read, but the views are counted all the same.
    """
    desk, own = access.desk_for(user), conditions(user, now)
    counts = counts_by_queue(desk, user, now)
    tabs = _tabs(desk, counts)
    current_tab = next(tab for tab in reversed(tabs) if tab.slug in ("", queue))
    chosen = {one.id for one in desk.queues if one.slug == current_tab.slug} or desk.seen
    views = [QueueView(name, title, sum(counts[one][name] for one in chosen)) for name, (title, _) in own.items()]
    current = next((view for view in views if wish and view.name == wish.view), views[0])
    fitting = own[current.name][1] & board.condition(wish, user=user, now=now) if wish else None
    asked = {"": fitting} if fitting is not None and fitting != own[current.name][1] else {}
    kept = {f"saved_{view.id}": view for view in saved}
    wishes = {name: Wish.of(view.filters) for name, view in kept.items()}
    counted = _counted_with_kept(asked, wishes, chosen, own, user=user, now=now)
    cases = _rows(fitting, wish, chosen, user, now) if wish and fitting is not None else []
    return Queue(
        cases=cases,
        views=views,
        saved_views=[QueueView(name, view.name, counted[name], view) for name, view in kept.items()],
        current=current,
        tabs=tabs,
        current_tab=current_tab,
        count=counted.get("", current.count) if wish else 0,
        total=tabs[0].count,
        largest_stake=max((case.stake for case in cases), default=Decimal(0)),
    )


def _counted_with_kept(
    asked: dict[str, Q],
    wishes: dict[str, Wish],
    queue_ids: Collection[int],
    own: dict[str, tuple[str, Q]],
    *,
    user: User,
    now: datetime,
) -> dict[str, int]:
    """Counts of what is asked, and of the saved wishes: these at most every half minute, for the same person, queues
    and wishes; all that are due in one look at the open cases."""
    key = (user.id, frozenset(queue_ids), tuple(wishes.items()))
    known = _KEPT.get(key, now) if wishes else {}
    if known is not None:
        return _counted(asked, queue_ids) | known
    conditions_of = {name: _fitting(wish, own, user, now) for name, wish in wishes.items()}
    counted = _counted({**asked, **conditions_of}, queue_ids)
    _KEPT.put(key, {name: counted[name] for name in wishes}, now)
    return counted


def _fitting(wish: Wish, own: dict[str, tuple[str, Q]], user: User, now: datetime) -> Q:
    return own.get(wish.view, own["all"])[1] & board.condition(wish, user=user, now=now)


def _counted(asked: dict[str, Q], queue_ids: Collection[int]) -> dict[str, int]:
    """How many open cases fit each condition, in one look at them; conditions that are the same are asked once."""
    if not asked:
        return {}
    names: dict[Q, str] = {}
    for condition in asked.values():
        names.setdefault(condition, f"count_{len(names)}")
    counts = Case.objects.filter(_OPEN, queue__in=queue_ids).aggregate(
        **{name: Count("id", filter=condition) for condition, name in names.items()}
    )
    return {name: counts[names[condition]] for name, condition in asked.items()}


def _rows(fitting: Q, wish: Wish, queue_ids: Collection[int], user: User, now: datetime) -> list[Case]:
    found = _in_order(fitting, wish.sort, queue_ids, now).select_related("claimed_by", "queue")
    return list(found.prefetch_related(prefetch_lookers(besides=user, now=now), prefetch_tags())[:MAX_ROWS])


def _in_order(fitting: Q, sort: str, queue_ids: Collection[int], now: datetime) -> "QuerySet[Case]":
    waiting = Case.objects.filter(_OPEN, fitting, queue__in=queue_ids)
    if not sort:
        return heaviest(queue_ids, fitting, now=now, limit=MAX_ROWS)
    if sort == _FROM_THE_END:
        return by_weight(waiting, now=now).reverse()
    return waiting.order_by(*board.order_of(sort))


def _tabs(desk: Desk, counts: dict[int, dict[str, int]]) -> list[QueueTab]:
    """All queues together, then each; a disabled one while cases are left in it."""
    each = [QueueTab(one.slug, one.title, counts[one.id]["all"]) for one in desk.queues if one.id in desk.seen]
    closed = {one.slug for one in desk.queues if not one.is_enabled}
    shown = [tab for tab in each if tab.count or tab.slug not in closed]
    return [QueueTab("", "All queues", sum(tab.count for tab in each)), *shown]


def nav_for(user: User, *, open_cases: int | None = None) -> Nav:
    """`open_cases`: how many there are, where the page has counted them."""
    if open_cases is None:
        open_cases = open_count(access.desk_for(user)) if user.has_perm("cases.view_case") else 0
    return Nav(
        open_count=open_cases,
        role=words.role(user),
        may_watch=access.may_watch(user),
        may_review=access.may_review(user),
        to_approve=count_to_approve() if access.may_approve(user) else None,
        rule_alarms=count_unseen_alarms(user),
        drift_alarms=count_unseen_drift(user),
    )
