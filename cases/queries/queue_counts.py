"""How many open cases each of the queue's own views has."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.db.models.functions import Now

from cases.models import Case
from cases.queries.queues import Desk
from cases.services import claims

# Less than this and the case should be opened next, whatever its stake.
DUE_SOON = timedelta(minutes=10)
_OPEN = Q(status=Case.Status.OPEN)


def conditions(user: User, now: datetime) -> dict[str, tuple[str, Q]]:
    """Name to title and condition, as `counts_by_queue` counts them."""
    awake = claims.awake(now)
    return {
        "all": ("Open", awake),
        "free": ("Unclaimed", awake & claims.unclaimed(now)),
        "mine": ("Mine", Q(claimed_by=user, claimed_until__gte=now)),
        "due": ("Due in 10 min", awake & Q(due_at__lt=now + DUE_SOON)),
        "snoozed": ("Snoozed", Q(snoozed_until__gt=now)),
    }


def counts_by_queue(desk: Desk, user: User, now: datetime) -> dict[int, dict[str, int]]:
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


def open_count(desk: Desk) -> int:
    """Open cases that are awake, in the queues the person sees."""
    cases = Case.objects.filter(_OPEN, queue__in=desk.seen)
    # Two counts by indexes alone, rather than one that has to read each case.
    return cases.count() - cases.filter(snoozed_until__gt=Now()).count()
