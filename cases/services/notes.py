"""What analysts leave in the history of a case: notes, and that they looked."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User

from cases.models import Case, CaseEvent

# Somebody who reloads within this time has looked once: else the history is full of one person's reloads.
_ONE_LOOK = timedelta(minutes=10)


def add_note(*, case: Case, author: User, text: str, now: datetime) -> CaseEvent:
    """Append a note; open and decided cases take them."""
    return CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.NOTE, actor=author, happened_at=now, text=text)


def record_view(*, case: Case, viewer: User, now: datetime) -> None:
    """Remember that the viewer opened the case."""
    looks = CaseEvent.objects.filter(
        case=case, kind=CaseEvent.Kind.VIEWED, actor=viewer, happened_at__gt=now - _ONE_LOOK
    )
    if not looks.exists():
        CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.VIEWED, actor=viewer, happened_at=now)
