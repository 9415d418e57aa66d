"""The work queue and the numbers in the top bar."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.db.models.functions import Now

from cases import access
from cases.models import Case
from cases.queries.casework import prefetch_tags
from cases.queries.presence import prefetch_lookers
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
        .prefetch_related(prefetch_lookers(besides=user, now=now), prefetch_tags())
        .order_by("-stake", "opened_at")[:MAX_ROWS]
    )
    largest = max((case.stake for case in cases), default=Decimal(0))
    return Queue(cases=cases, views=views, current=current, total=counts["all"], largest_stake=largest)


def nav_for(user: User) -> Nav:
    groups = list(user.groups.order_by("name").values_list("name", flat=True))
    return Nav(
        open_count=Case.objects.filter(_OPEN, awake_at(Now())).count() if user.has_perm("cases.view_case") else 0,
        role=", ".join(groups) or ("administrator" if user.is_superuser else "no group"),
        may_watch=access.may_watch(user),
        may_review=access.may_review(user),
    )


def _conditions(user: User, now: datetime) -> dict[str, tuple[str, Q]]:
    awake = awake_at(now)
    return {
        "all": ("Open", awake),
        "free": ("Unclaimed", awake & (Q(claimed_by=None) | Q(claimed_until__lt=now))),
        "mine": ("Mine", Q(claimed_by=user, claimed_until__gte=now)),
        "due": ("Due in 10 min", awake & Q(due_at__lt=now + DUE_SOON)),
        "snoozed": ("Snoozed", Q(snoozed_until__gt=now)),
    }
