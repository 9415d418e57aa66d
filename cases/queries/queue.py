"""The work queue and the numbers in the top bar."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q

from cases import access, words
from cases.models import Case
from cases.queries.approvals import count_to_approve
from cases.queries.presence import prefetch_lookers

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
class Queue:
    cases: list[Case]
    views: list[QueueView]
    current: QueueView
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


def open_cases(*, view: str, user: User, now: datetime) -> Queue:
    """Open cases, most at stake first: at most 100 rows, and how many there are. An unknown view is "all"."""
    conditions = _conditions(user, now)
    wanted = {name: Count("id", filter=condition) for name, (_, condition) in conditions.items()}
    counts = Case.objects.filter(_OPEN).aggregate(**wanted)
    views = [QueueView(name, title, counts[name]) for name, (title, _) in conditions.items()]
    current = next((v for v in views if v.name == view), views[0])
    cases = list(
        Case.objects.filter(_OPEN, conditions[current.name][1])
        .select_related("claimed_by")
        .prefetch_related(prefetch_lookers(besides=user, now=now))
        .order_by("-stake", "opened_at")[:MAX_ROWS]
    )
    largest = max((case.stake for case in cases), default=Decimal(0))
    return Queue(cases=cases, views=views, current=current, total=counts["all"], largest_stake=largest)


def nav_for(user: User) -> Nav:
    return Nav(
        open_count=Case.objects.filter(_OPEN).count() if user.has_perm("cases.view_case") else 0,
        role=words.role(user),
        may_watch=access.may_watch(user),
        may_review=access.may_review(user),
        to_approve=count_to_approve() if access.may_approve(user) else None,
    )


def _conditions(user: User, now: datetime) -> dict[str, tuple[str, Q]]:
    return {
        "all": ("Open", Q()),
        "free": ("Unclaimed", Q(claimed_by=None) | Q(claimed_until__lt=now)),
        "mine": ("Mine", Q(claimed_by=user, claimed_until__gte=now)),
        "due": ("Due in 10 min", Q(due_at__lt=now + DUE_SOON)),
    }
