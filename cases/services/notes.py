"""What analysts write into the history of a case."""

from datetime import datetime

from django.contrib.auth.models import User

from cases.models import Case, CaseEvent


def add_note(*, case: Case, author: User, text: str, now: datetime) -> CaseEvent:
    """Append a note; open and decided cases take them."""
    return CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.NOTE, actor=author, happened_at=now, text=text)
