"""The work queue and the numbers in the top bar."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.db.models.functions import Now

from cases import access, words
from cases.models import Case
from cases.queries.approvals import count_to_approve
from cases.queries.casework import prefetch_tags
from cases.queries.presence import prefetch_lookers
from cases.queries.queues import Desk, heaviest
from cases.services.claims import awake as awake_at

# Work is taken from the top; a row costs half a millisecond to render.
MAX_ROWS = 100
# Less than this and the case should be opened next, whatever its stake.
DUE_SOON = timedelta(minutes=10)
_OPEN = Q(status=Case.Status.OPEN)


@dataclass(frozen=True)
class QueueView:
    name: str
    title: str
    count: int


@dataclass(frozen=True)
class QueueTab:
    """A queue the user sees, or all of them (no slug)."""

    slug: str
    title: str
    count: int


@dataclass(frozen=True)
class Queue:
    cases: list[Case]
    views: list[QueueView]
    current: QueueView
    tabs: list[QueueTab]
    current_tab: QueueTab
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


def open_cases(*, view: str, user: User, now: datetime, queue: str = "") -> Queue:
    """Open cases the user sees, in the order of work: at most 100 rows, and how many there are.

    An unknown view is "all"; without a queue, or with one the user does not see, it is all they see.
    """
    desk, conditions = access.desk_for(user), _conditions(user, now)
    counts = _counts(desk, user, now)
    tabs = _tabs(desk, counts)
    current_tab = next(tab for tab in reversed(tabs) if tab.slug in ("", queue))
    chosen = {one.id for one in desk.queues if one.slug == current_tab.slug} or desk.seen
    views = [
        QueueView(name, title, sum(counts[one][name] for one in chosen)) for name, (title, _) in conditions.items()
    ]
    current = next((v for v in views if v.name == view), views[0])
    found = heaviest(chosen, conditions[current.name][1], now=now, limit=MAX_ROWS)
    cases = list(
        found.select_related("claimed_by", "queue").prefetch_related(
            prefetch_lookers(besides=user, now=now), prefetch_tags()
        )[:MAX_ROWS]
    )
    largest = max((case.stake for case in cases), default=Decimal(0))
    return Queue(
        cases=cases,
        views=views,
        current=current,
        tabs=tabs,
        current_tab=current_tab,
        total=tabs[0].count,
        largest_stake=largest,
    )


def _counts(desk: Desk, user: User, now: datetime) -> dict[int, dict[str, int]]:
    """Queue's id -> how many of its open cases each view has.

    Three queries that read indexes alone: one over the due times of all, and one each over the few that somebody works
    on and the few that sleep.
    """
    cases = Case.objects.filter(_OPEN, queue__in=desk.seen).values("queue").order_by()
    is_due, is_mine = Q(due_at__lt=now + DUE_SOON), Q(claimed_by=user)
    waiting = cases.annotate(all=Count("due_at"), due=Count("due_at", filter=is_due))
    claimed = cases.filter(claimed_by__isnull=False, claimed_until__gte=now)
    taken = {row["queue"]: row for row in claimed.annotate(taken=Count("id"), mine=Count("id", filter=is_mine))}
    asleep = cases.filter(snoozed_until__gt=now).annotate(all=Count("id"), due=Count("id", filter=is_due))
    sleeping = {row["queue"]: row for row in asleep}
    found = {queue_id: dict.fromkeys(("all", "free", "mine", "due", "snoozed"), 0) for queue_id in desk.seen}
    for row in waiting:
        busy = taken.get(row["queue"], {"taken": 0, "mine": 0})
        snoozed = sleeping.get(row["queue"], {"all": 0, "due": 0})
        awake = row["all"] - snoozed["all"]
        found[row["queue"]] = {
            "all": awake,
            "free": awake - busy["taken"],
            "mine": busy["mine"],
            "due": row["due"] - snoozed["due"],
            "snoozed": snoozed["all"],
        }
    return found


def _tabs(desk: Desk, counts: dict[int, dict[str, int]]) -> list[QueueTab]:
    """All queues together, then each; a disabled one while cases are left in it."""
    each = [QueueTab(one.slug, one.title, counts[one.id]["all"]) for one in desk.queues if one.id in desk.seen]
    closed = {one.slug for one in desk.queues if not one.is_enabled}
    shown = [tab for tab in each if tab.count or tab.slug not in closed]
    return [QueueTab("", "All queues", sum(tab.count for tab in each)), *shown]


def nav_for(user: User) -> Nav:
    return Nav(
        open_count=_open_count(user) if user.has_perm("cases.view_case") else 0,
        role=words.role(user),
        may_watch=access.may_watch(user),
        may_review=access.may_review(user),
        to_approve=count_to_approve() if access.may_approve(user) else None,
    )


def _open_count(user: User) -> int:
    cases = Case.objects.filter(_OPEN, queue__in=access.desk_for(user).seen)
    # Two counts by indexes alone, rather than one that has to read each case.
    return cases.count() - cases.filter(snoozed_until__gt=Now()).count()


def _conditions(user: User, now: datetime) -> dict[str, tuple[str, Q]]:
    awake = awake_at(now)
    return {
        "all": ("Open", awake),
        "free": ("Unclaimed", awake & (Q(claimed_by=None) | Q(claimed_until__lt=now))),
        "mine": ("Mine", Q(claimed_by=user, claimed_until__gte=now)),
        "due": ("Due in 10 min", awake & Q(due_at__lt=now + DUE_SOON)),
        "snoozed": ("Snoozed", Q(snoozed_until__gt=now)),
    }
