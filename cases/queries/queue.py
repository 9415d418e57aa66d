"""The work queue and the numbers in the top bar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q

from cases import access
from cases.board import Wish
from cases.models import Case, SavedView
from cases.queries import board
from cases.queries.presence import prefetch_lookers

# Work is taken from the top; a row costs half a millisecond to render.
MAX_ROWS = 100
# Less than this and the case should be opened next, whatever its stake.
DUE_SOON = timedelta(minutes=10)
_OPEN = Q(status=Case.Status.OPEN)


# The work order. The filter's other orders stand in queries/board.py.
WORK_ORDER = ("-stake", "opened_at")


@dataclass(frozen=True)
class QueueView:
    """One of the queue's own views, or a saved one with its row."""

    name: str
    title: str
    count: int
    saved: SavedView | None = None


@dataclass(frozen=True)
class Queue:
    """`count` of the open cases fit the wish; `total` is all of them."""

    cases: list[Case]
    views: list[QueueView]
    saved_views: list[QueueView]
    current: QueueView
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


def open_cases(*, wish: Wish | None, saved: Sequence[SavedView] = (), user: User, now: datetime) -> Queue:
    """Open cases that fit the wish: at most 100 rows, and how many there are. An unknown view is "all".

    Without a wish (it could not be understood) no case is read, but the views are counted all the same.
    """
    conditions = _conditions(user, now)
    kept = {_saved_name(view): (view, Wish.of(view.filters)) for view in saved}
    wanted = {name: condition for name, (_, condition) in conditions.items()}
    wanted |= {name: _fitting(one, wanted, user, now) for name, (_, one) in kept.items()}
    fitting = _fitting(wish, wanted, user, now) if wish else None
    counts = _counted({**wanted, "": fitting} if fitting is not None else wanted)
    views = [QueueView(name, title, counts[name]) for name, (title, _) in conditions.items()]
    cases = _rows(fitting, wish, user, now) if wish and fitting is not None else []
    return Queue(
        cases=cases,
        views=views,
        saved_views=[QueueView(name, view.name, counts[name], view) for name, (view, _) in kept.items()],
        current=next((view for view in views if wish and view.name == wish.view), views[0]),
        count=counts.get("", 0),
        total=counts["all"],
        largest_stake=max((case.stake for case in cases), default=Decimal(0)),
    )


def _saved_name(view: SavedView) -> str:
    return f"saved_{view.id}"


def _fitting(wish: Wish, conditions: dict[str, Q], user: User, now: datetime) -> Q:
    return conditions.get(wish.view, Q()) & board.condition(wish, user=user, now=now)


def _counted(conditions: dict[str, Q]) -> dict[str, int]:
    """How many open cases fit each condition, in one look at them; conditions that are the same are asked once."""
    asked: dict[Q, str] = {}
    for condition in conditions.values():
        asked.setdefault(condition, f"count_{len(asked)}")
    counts = Case.objects.filter(_OPEN).aggregate(
        **{name: Count("id", filter=condition) for condition, name in asked.items()}
    )
    return {name: counts[asked[condition]] for name, condition in conditions.items()}


def _rows(fitting: Q, wish: Wish, user: User, now: datetime) -> list[Case]:
    return list(
        Case.objects.filter(_OPEN, fitting)
        .select_related("claimed_by")
        .prefetch_related(prefetch_lookers(besides=user, now=now))
        .order_by(*board.order_of(wish.sort, work_order=WORK_ORDER))[:MAX_ROWS]
    )


def nav_for(user: User, *, open_count: int | None = None) -> Nav:
    """`open_count`: how many cases are open, where the page has counted them."""
    if open_count is None:
        open_count = Case.objects.filter(_OPEN).count() if user.has_perm("cases.view_case") else 0
    groups = list(user.groups.order_by("name").values_list("name", flat=True))
    return Nav(
        open_count=open_count,
        role=", ".join(groups) or ("administrator" if user.is_superuser else "no group"),
        may_watch=access.may_watch(user),
        may_review=access.may_review(user),
    )


def _conditions(user: User, now: datetime) -> dict[str, tuple[str, Q]]:
    return {
        "all": ("Open", Q()),
        "free": ("Unclaimed", Q(claimed_by=None) | Q(claimed_until__lt=now)),
        "mine": ("Mine", Q(claimed_by=user, claimed_until__gte=now)),
        "due": ("Due in 10 min", Q(due_at__lt=now + DUE_SOON)),
    }
