"""Claims: who works on a case, as a lease that ends by itself."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cases import words
from cases.models import Case, CaseEvent, Handling, Queue
from cases.queries.queues import by_weight, desk_of, heaviest
from cases.services import handlings, presence

# So many of each queue are looked at for the next one: more than there are people who ask in the same instant.
_CANDIDATES = 64
_RAN_OUT = "The claim ran out"


class ClaimedByOtherError(Exception):
    """Somebody else holds the claim, which stands; nothing changed."""


class NotOpenError(Exception):
    """The case is decided, waits for approval or was merged: there is nothing to claim. Nothing changed."""


class ReleasedError(Exception):
    """The claim that was to be renewed has been released; nothing changed."""


class SnoozedError(Exception):
    """The case sleeps until a time: it is to be woken first. Nothing changed."""


def awake(now: datetime) -> Q:
    """Cases that are not snoozed."""
    return Q(snoozed_until=None) | Q(snoozed_until__lte=now)


def unclaimed(now: datetime) -> Q:
    """Cases nobody works on."""
    return Q(claimed_by=None) | Q(claimed_until__lt=now)


def free_for(analyst: User, now: datetime) -> Q:
    """Cases nobody else works on."""
    return unclaimed(now) | Q(claimed_by=analyst)


@transaction.atomic
def claim(*, case: Case, analyst: User, now: datetime, is_renewal: bool = False) -> None:
    """Take the case the analyst looks at, or renew the claim they have.

    A renewal takes a case whose lease ran out (the computer slept) anew, but not one that was released: a page left
    open must not undo what a lead did.

    Raises:
        ClaimedByOtherError: somebody else holds it.
        NotOpenError: it is decided.
        ReleasedError: it was to be renewed and has been released.
        SnoozedError: it sleeps.
    """
    current = lock_claimable(case, analyst=analyst, now=now)
    if is_running(current, now):
        grant(current, analyst=analyst, now=now)
    elif is_renewal and handlings.was_released(case.id):
        raise ReleasedError(case.id)
    else:
        _take(current, analyst=analyst, now=now, is_looking=True)


@transaction.atomic
def claim_next(*, analyst: User, now: datetime, besides: Case | None = None, queue: Queue | None = None) -> Case | None:
    """Claim the case nobody works on that weighs most now, of the analyst's queues or of one. None when there is none.

    What the analyst skipped lately comes after everything else; `besides` is not considered at all. Two analysts
    who ask at once get two cases: the second skips the row the first has locked.
    """
    worked = desk_of(analyst).worked
    queue_ids = worked if queue is None else worked & {queue.id}
    free = unclaimed(now) & awake(now) & ~Q(id__in=[besides.id] if besides else [])
    fresh = free & ~Q(id__in=_skipped_lately(analyst, now))
    candidates = heaviest(queue_ids, fresh, now=now, limit=_CANDIDATES).select_for_update(skip_locked=True)
    # Second, whatever is left: the skipped, or a crowd has locked every candidate.
    left = Case.objects.filter(free, status=Case.Status.OPEN, queue__in=queue_ids)
    case = candidates.first() or by_weight(left, now=now).select_for_update(skip_locked=True).first()
    if case is not None:
        _take(case, analyst=analyst, now=now, is_looking=False)
    return case


@transaction.atomic
def skip(*, case: Case, analyst: User, reason: str, now: datetime) -> None:
    """Give the case back for somebody else to take; `claim_next` passes it over for the analyst for a while.

    Raises:
        ClaimedByOtherError: somebody else holds it.
        NotOpenError: it is decided.
        SnoozedError: it sleeps.
    """
    give_back(case, analyst=analyst, ending=Handling.Ending.SKIPPED, now=now)
    _remember(case.id, CaseEvent.Kind.SKIPPED, actor=analyst, now=now, text=reason)


def give_back(case: Case, *, analyst: User, ending: Handling.Ending, now: datetime) -> Case:
    """Lock and free an open case, in the caller's transaction; the handling ends in the way that is said.

    Raises:
        ClaimedByOtherError, NotOpenError, SnoozedError: nothing changed.
    """
    current = lock_claimable(case, analyst=analyst, now=now)
    hand_back(current, analyst=analyst, ending=ending, now=now)
    return current


def hand_back(case: Case, *, analyst: User, ending: Handling.Ending, now: datetime) -> None:
    """End the analyst's work on a case that is locked; the caller says in the history what became of it."""
    if case.claimed_by_id != analyst.id:
        # Looked at without a claim, or with one that was swept: it counts as theirs all the same.
        _take(case, analyst=analyst, now=now, is_looking=True)
    _free([case.id], ending=ending, now=now)
    presence.record_leaving(case=case, viewer=analyst)


@transaction.atomic
def release(*, case: Case, actor: User, now: datetime, may_release_others: bool = False) -> None:
    """Give the case back to the queue. A case that is free stays so.

    Raises:
        ClaimedByOtherError: it is not the actor's to release.
    """
    current = Case.objects.select_for_update().get(id=case.id)
    if current.status != Case.Status.OPEN or current.claimed_by_id is None:
        return
    if _is_of_another(current, actor, now) and not may_release_others:
        raise ClaimedByOtherError(case.id)
    _free([case.id], ending=Handling.Ending.RELEASED, now=now)
    _remember(case.id, CaseEvent.Kind.RELEASED, actor=actor, now=now)
    presence.record_leaving(case=case, viewer=actor)


@transaction.atomic
def release_expired(*, now: datetime) -> int:
    """Free the cases whose lease is over. Returns how many."""
    expired = Case.objects.filter(status=Case.Status.OPEN, claimed_until__lt=now)
    ids = list(expired.select_for_update(skip_locked=True).values_list("id", flat=True))
    _free(ids, ending=Handling.Ending.EXPIRED, now=now)
    _remember_expired(ids, now=now)
    return len(ids)


def end_by_verdict(case: Case, *, analyst: User, now: datetime) -> timedelta | None:
    """End the handling of a case that was decided just now, in the same transaction; returns how long it took.

    None when the analyst had no claim. A claim of somebody else had run out.
    """
    handling = handlings.running_of(case.id)
    if handling is None:
        return None
    if handling.analyst_id != analyst.id:
        _end_expired(case.id, now=now)
        return None
    handlings.end([case.id], ending=Handling.Ending.VERDICT, now=now)
    return now - handling.claimed_at


def grant(case: Case, *, analyst: User, now: datetime) -> None:
    """Give the case to the analyst for one lease. The caller holds its row and keeps its handling."""
    until = now + timedelta(seconds=settings.CLAIM_LEASE_SECONDS)
    Case.objects.filter(id=case.id).update(claimed_by=analyst, claimed_until=until)


def lock_claimable(case: Case, *, analyst: User, now: datetime) -> Case:
    """The case as it is, locked to the end of the transaction.

    Raises:
        ClaimedByOtherError: somebody else works on it.
        NotOpenError: it is decided.
    """
    # Locked, so that the history says "claimed" once: for a claim, not for each renewal.
    current = Case.objects.select_for_update().get(id=case.id)
    if current.status != Case.Status.OPEN:
        raise NotOpenError(case.id)
    if _is_of_another(current, analyst, now):
        raise ClaimedByOtherError(case.id)
    if current.is_snoozed(now):
        raise SnoozedError(case.id)
    return current


def is_running(case: Case, now: datetime) -> bool:
    """Whether somebody works on the case."""
    return case.claimed_until is not None and case.claimed_until >= now


def _is_of_another(case: Case, user: User, now: datetime) -> bool:
    return is_running(case, now) and case.claimed_by_id != user.id


def _skipped_lately(analyst: User, now: datetime) -> list[UUID]:
    since = now - timedelta(minutes=settings.SKIP_MINUTES)
    given_away = (Handling.Ending.SKIPPED, Handling.Ending.ESCALATED)
    skipped = Handling.objects.filter(analyst=analyst, ending__in=given_away, ended_at__gt=since)
    return list(skipped.values_list("case_id", flat=True))


def _take(case: Case, *, analyst: User, now: datetime, is_looking: bool) -> None:
    # Also one that a process from before handlings were kept freed without an end: it must not keep the case from all.
    handlings.end([case.id], ending=Handling.Ending.EXPIRED, now=now)
    if case.claimed_by_id is not None:
        _remember(case.id, CaseEvent.Kind.RELEASED, actor=None, now=now, text=_RAN_OUT)
    grant(case, analyst=analyst, now=now)
    handlings.start(case.id, analyst=analyst, now=now, is_looking=is_looking)
    _remember(case.id, CaseEvent.Kind.CLAIMED, actor=analyst, now=now, text=lease_words())


def lease_words() -> str:
    lease = words.duration(timedelta(seconds=settings.CLAIM_LEASE_SECONDS))
    return f"For {lease}, renewed while the page is open"


def _free(case_ids: Collection[UUID], *, ending: Handling.Ending, now: datetime) -> None:
    Case.objects.filter(id__in=case_ids).update(claimed_by=None, claimed_until=None)
    handlings.end(case_ids, ending=ending, now=now)


def end_expired(cases: Iterable[Case], *, now: datetime) -> None:
    """Write down the claims of locked cases that ran out before the sweep came by."""
    ids = [case.id for case in cases if case.claimed_by_id is not None]
    _free(ids, ending=Handling.Ending.EXPIRED, now=now)
    _remember_expired(ids, now=now)


def _end_expired(case_id: UUID, *, now: datetime) -> None:
    """The same for a case that was decided just now."""
    handlings.end([case_id], ending=Handling.Ending.EXPIRED, now=now)
    _remember_expired([case_id], now=now)


def _remember_expired(case_ids: Iterable[UUID], *, now: datetime) -> None:
    CaseEvent.objects.bulk_create(
        CaseEvent(case_id=case_id, kind=CaseEvent.Kind.RELEASED, happened_at=now, text=_RAN_OUT) for case_id in case_ids
    )


def _remember(case_id: UUID, kind: CaseEvent.Kind, *, actor: User | None, now: datetime, text: str = "") -> None:
    CaseEvent.objects.create(case_id=case_id, kind=kind, actor=actor, happened_at=now, text=text)
