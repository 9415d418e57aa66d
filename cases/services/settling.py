"""Disagreements of two reviewers, settled by a third person."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q

from cases.models import Check


class SettledError(Exception):
    """Somebody has settled it, or there is nothing to settle; nothing changed."""


class OwnVerdictError(Exception):
    """One of the two verdicts is the person's own; nothing changed."""


def settle(*, check_id: int, verdict: str, reason: str, actor: User, now: datetime) -> Check:
    """Say what stands. Changes no label: where the case says otherwise, it is reopened and decided as usual.

    Raises:
        OwnVerdictError, SettledError
    """
    open_ones = Check.objects.filter(id=check_id, kind=Check.Kind.SECOND, agrees=False, settled_at=None)
    others = open_ones.exclude(Q(first_analyst=actor) | Q(analyst=actor))
    if not others.update(settled_as=verdict, settled_by=actor, settled_at=now, settled_why=reason):
        raise OwnVerdictError(check_id) if open_ones.exists() else SettledError(check_id)
    return Check.objects.select_related("case").get(id=check_id)
