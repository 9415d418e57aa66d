"""Disagreements of two reviewers, settled by a third person."""

from datetime import datetime

from django.contrib.auth.models import User

from cases.models import Check
from cases.queries.hands import people_behind, people_behind_actor


class SettledError(Exception):
    """Somebody has settled it, or there is nothing to settle; nothing changed."""


class OwnVerdictError(Exception):
    """One of the two verdicts is the person's own, or was said by a key they made; nothing changed."""


def settle(*, check_id: int, verdict: str, reason: str, actor: User, now: datetime) -> Check:
    """Say what stands. Changes no label: where the case says otherwise, it is reopened and decided as usual.

    Raises:
        OwnVerdictError, SettledError
    """
    open_ones = Check.objects.filter(id=check_id, kind=Check.Kind.SECOND, agrees=False, settled_at=None)
    # Who stands behind the two never changes.
    if (check := open_ones.first()) is not None and _people_of(check) & people_behind_actor(actor):
        raise OwnVerdictError(check_id)
    if not open_ones.update(settled_as=verdict, settled_by=actor, settled_at=now, settled_why=reason):
        raise SettledError(check_id)
    return Check.objects.select_related("case").get(id=check_id)


def _people_of(check: Check) -> set[int]:
    assert check.analyst_id is not None  # a constraint: it is decided
    first = {check.first_analyst_id} if check.first_analyst_id is not None else set()
    reviewers = people_behind(check.analyst_id, check.api_key_id) | set(check.reviewer_people or ())
    return reviewers | first | set(check.first_people or ())
