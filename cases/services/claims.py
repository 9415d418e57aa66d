"""Claims: who works on a case, as a lease that ends by itself."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from cases import words
from cases.models import Case, CaseEvent


class ClaimedByOtherError(Exception):
    """Somebody else holds the claim, which stands; nothing changed."""


class NotOpenError(Exception):
    """The case is decided: there is nothing to claim. Nothing changed."""


def free_for(analyst: User, now: datetime) -> Q:
    """Cases nobody else works on."""
    return Q(claimed_by=None) | Q(claimed_by=analyst) | Q(claimed_until__lt=now)


@transaction.atomic
def claim(*, case: Case, analyst: User, now: datetime) -> None:
    """Take the case, or renew the claim the analyst has.

    Raises:
        ClaimedByOtherError: somebody else holds it.
        NotOpenError: it is decided.
    """
    # Locked, so that the history says "claimed" once: for a claim, not for each renewal.
    current = Case.objects.select_for_update().get(id=case.id)
    if current.status != Case.Status.OPEN:
        raise NotOpenError(case.id)
    is_running = current.claimed_until is not None and current.claimed_until >= now
    if is_running and current.claimed_by_id != analyst.id:
        raise ClaimedByOtherError(case.id)
    _lease(Case.objects.filter(id=case.id), analyst=analyst, now=now)
    if not is_running:
        _remember(case.id, CaseEvent.Kind.CLAIMED, actor=analyst, now=now)


@transaction.atomic
def claim_next(*, analyst: User, now: datetime) -> Case | None:
    """Claim the open case with the most at stake that nobody works on. None when there is none.

    Two analysts who ask at once get two cases: the second skips the row the first has locked.
    """
    free = Q(claimed_by=None) | Q(claimed_until__lt=now)
    candidates = Case.objects.filter(free, status=Case.Status.OPEN).order_by("-stake", "opened_at")
    case = candidates.select_for_update(skip_locked=True).first()
    if case is not None:
        _lease(Case.objects.filter(id=case.id), analyst=analyst, now=now)
        _remember(case.id, CaseEvent.Kind.CLAIMED, actor=analyst, now=now)
    return case


@transaction.atomic
def release(*, case: Case, actor: User, now: datetime, may_release_others: bool = False) -> None:
    """Give the case back to the queue. A case that is free stays so.

    Raises:
        ClaimedByOtherError: it is not the actor's to release.
    """
    mine = Q() if may_release_others else free_for(actor, now)
    released = (
        Case.objects.filter(mine, id=case.id, status=Case.Status.OPEN)
        .exclude(claimed_by=None)
        .update(claimed_by=None, claimed_until=None)
    )
    if released:
        _remember(case.id, CaseEvent.Kind.RELEASED, actor=actor, now=now)
    elif Case.objects.filter(id=case.id, status=Case.Status.OPEN).exclude(claimed_by=None).exists():
        raise ClaimedByOtherError(case.id)


@transaction.atomic
def release_expired(*, now: datetime) -> int:
    """Free the cases whose lease is over. Returns how many."""
    expired = Case.objects.filter(status=Case.Status.OPEN, claimed_until__lt=now)
    ids = list(expired.select_for_update(skip_locked=True).values_list("id", flat=True))
    Case.objects.filter(id__in=ids).update(claimed_by=None, claimed_until=None)
    CaseEvent.objects.bulk_create(
        CaseEvent(case_id=case_id, kind=CaseEvent.Kind.RELEASED, happened_at=now, text="The claim ran out")
        for case_id in ids
    )
    return len(ids)


def _lease(cases: QuerySet[Case], *, analyst: User, now: datetime) -> None:
    cases.update(claimed_by=analyst, claimed_until=now + timedelta(seconds=settings.CLAIM_LEASE_SECONDS))


def _remember(case_id: UUID, kind: CaseEvent.Kind, *, actor: User, now: datetime) -> None:
    lease = words.duration(timedelta(seconds=settings.CLAIM_LEASE_SECONDS))
    text = f"For {lease}, renewed while the page is open" if kind == CaseEvent.Kind.CLAIMED else ""
    CaseEvent.objects.create(case_id=case_id, kind=kind, actor=actor, happened_at=now, text=text)
