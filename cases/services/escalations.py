"""Escalating: a case goes to the queue its own hands on to."""

from datetime import datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from cases import live
from cases.hands import key_id_of
from cases.models import Case, CaseEvent, Handling, Queue
from cases.services import claims, queues


class NobodyToEscalateToError(Exception):
    """The case's queue hands on to no other, or to one that is disabled; nothing changed."""


class MovedMeanwhileError(Exception):
    """The case is in another queue than when it was looked at; nothing changed."""


@transaction.atomic
def escalate(*, case: Case, analyst: User, reason: str, now: datetime) -> Queue:
    """Hand the case on, with the other queue's SLA from now, and end the analyst's work on it. Returns the queue.

    Raises:
        NobodyToEscalateToError, MovedMeanwhileError.
        claims.ClaimedByOtherError: somebody else works on it.
        claims.NotOpenError: it is decided.
    """
    if case.queue is None or case.queue.escalates_to_id is None:
        raise NobodyToEscalateToError(case.id)
    try:
        target = queues.lock_queue(case.queue.escalates_to_id)
    except queues.QueueClosedError as error:
        raise NobodyToEscalateToError(case.id) from error
    current = claims.lock_claimable(case, analyst=analyst, now=now)
    if current.queue_id != case.queue_id:
        raise MovedMeanwhileError(case.id)
    claims.hand_back(current, analyst=analyst, ending=Handling.Ending.ESCALATED, now=now)
    hand_on([current], to=target, actor=analyst, reason=reason, now=now)
    return target


def hand_on(cases: list[Case], *, to: Queue, actor: User | None, reason: str, now: datetime) -> None:
    """Put locked cases into the queue, which is locked too; they stay there whatever joins them."""
    placement = queues.placement(to, due_at=queues.due_in(to, now))
    ids = [case.id for case in cases]
    Case.objects.filter(id__in=ids).update(**placement, escalated_at=now, is_placed=True, snoozed_until=None)
    CaseEvent.objects.bulk_create(
        CaseEvent(
            case_id=case_id,
            kind=CaseEvent.Kind.ESCALATED,
            actor=actor,
            api_key_id=key_id_of(actor),
            happened_at=now,
            text=f"To {to.title}: {reason}",
        )
        for case_id in ids
    )
    left = {case.queue_id: 0 for case in cases if case.queue_id is not None}
    transaction.on_commit(partial(live.push_queues, {**left, to.id: 0}))
