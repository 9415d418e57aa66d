"""Who looks at a case: in its history once, and as signs of open pages that are soon forgotten."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from cases.models import Case, CaseEvent, Presence
from cases.services import handlings

# An open page gives a sign every 30 s: one may get lost on the way.
FORGOTTEN_AFTER = timedelta(seconds=90)
# Somebody who reloads within this time has looked once: else the history is full of one person's reloads.
_ONE_LOOK = timedelta(minutes=10)


def record_view(*, case: Case, viewer: User, now: datetime) -> None:
    """Remember that the viewer opened the case."""
    looks = CaseEvent.objects.filter(
        case=case, kind=CaseEvent.Kind.VIEWED, actor=viewer, happened_at__gt=now - _ONE_LOOK
    )
    if not looks.exists():
        CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.VIEWED, actor=viewer, happened_at=now)
    if case.claimed_by == viewer:
        handlings.record_first_view(case.id, analyst=viewer, now=now)
    record_sign(case=case, viewer=viewer, now=now)


def record_sign(*, case: Case, viewer: User, now: datetime) -> None:
    """Remember that the viewer has the case's page open now."""
    Presence.objects.bulk_create(
        [Presence(case=case, user=viewer, seen_at=now)],
        update_conflicts=True,
        unique_fields=["case", "user"],
        update_fields=["seen_at"],
    )


def record_leaving(*, case: Case, viewer: User) -> None:
    """Forget at once somebody who gave the case back: the next analyst is not told that they look."""
    Presence.objects.filter(case=case, user=viewer).delete()


def forget_who_left(*, now: datetime) -> int:
    """Drop the signs that count no more. Returns how many."""
    forgotten, _ = Presence.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    return forgotten
