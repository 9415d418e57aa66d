"""Remembers who took a case away on paper."""

from datetime import datetime

from django.contrib.auth.models import User

from cases.models import Case, CaseEvent


def record_print(*, case: Case, actor: User, now: datetime) -> None:
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.PRINTED, actor=actor, happened_at=now)
