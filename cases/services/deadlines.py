"""What the clock does to open cases: warns before their time is up, and acts when it is."""

import logging
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from cases import live, words
from cases.models import Alert, Case, CaseEvent, Queue, Verdict, VerdictPayment
from cases.services import claims, escalations, queues, verdict_effects
from scoring.models import Outcome

logger = logging.getLogger(__name__)
# Of each queue in one turn; the next turn comes in seconds.
_MOST = 500
_TIME_IS_UP = "nobody decided it in time"


def watch_deadlines(*, now: datetime) -> int:
    """Warn of cases that are nearly due, and do what their queues want with those that are over time.

    Safe to run twice, and by two at once: each case is locked, and changed only where it still is as it was found.
    A case somebody works on waits until they are done, a snoozed one until it wakes. Returns how many cases were
    warned of, handed on or decided.
    """
    adopted = _adopt()
    done = [_warn(queue, now=now) + _act(queue, now=now) for queue in Queue.objects.select_related("escalates_to")]
    return adopted + sum(done)


@transaction.atomic
def _adopt() -> int:
    """Put cases that a process of before queues has opened into the default queue; they keep their time."""
    if not Case.objects.filter(queue=None, status=Case.Status.OPEN).exists():
        return 0
    queue = queues.default_queue()
    strays = Case.objects.filter(queue=None, status=Case.Status.OPEN)
    return strays.update(queue=queue, half_life_minutes=queue.half_life_minutes)


@transaction.atomic
def _warn(queue: Queue, *, now: datetime) -> int:
    """Mark the cases that will be due within the queue's warning, once each, and tell who works there."""
    soon = now + timedelta(minutes=queue.warn_minutes)
    due = _open_in(queue).filter(claims.awake(now), due_at__gt=now, due_at__lte=soon, warned_at=None)
    cases = _locked(due)
    if not cases:
        return 0
    Case.objects.filter(id__in=[case.id for case in cases]).update(warned_at=now)
    CaseEvent.objects.bulk_create(
        CaseEvent(
            case=case,
            kind=CaseEvent.Kind.WARNED,
            happened_at=now,
            text=f"Due in {words.duration(case.due_at - now)}",
        )
        for case in cases
    )
    transaction.on_commit(partial(live.push_queues, {queue.id: len(cases)}, minutes=queue.warn_minutes))
    return len(cases)


def _act(queue: Queue, *, now: datetime) -> int:
    if queue.on_timeout == Queue.TimeOut.ESCALATE:
        return _escalate_overdue(queue, now=now)
    if queue.on_timeout == Queue.TimeOut.DECIDE:
        return _decide_overdue(queue, now=now)
    return 0


@transaction.atomic
def _escalate_overdue(queue: Queue, *, now: datetime) -> int:
    assert queue.escalates_to_id is not None  # a constraint of the table
    overdue = _overdue(queue, now)
    if not overdue.exists():
        return 0
    try:
        target = queues.lock_queue(queue.escalates_to_id)
    except queues.QueueClosedError:
        logger.warning("Cases of %s are over time and its next queue is disabled: they stay", queue.slug)
        return 0
    cases = _locked(overdue)
    claims.end_expired(cases, now=now)
    escalations.hand_on(cases, to=target, actor=None, reason=_TIME_IS_UP, now=now)
    return len(cases)


@transaction.atomic
def _decide_overdue(queue: Queue, *, now: datetime) -> int:
    """Close cases with the queue's verdict. No payment is labelled: nobody has looked. Held ones are not held on."""
    cases = _locked(_overdue(queue, now))
    if not cases:
        return 0
    claims.end_expired(cases, now=now)
    Case.objects.filter(id__in=[case.id for case in cases]).update(
        status=Case.Status.DECIDED, verdict=queue.default_verdict, decided_at=now, snoozed_until=None
    )
    told = _tell_of_held(cases, verdict=queue.default_verdict, now=now)
    said = Case.Verdict(queue.default_verdict).label
    text = f"{said} by the clock, {_TIME_IS_UP}: nothing labelled"
    CaseEvent.objects.bulk_create(
        CaseEvent(
            case=case,
            kind=CaseEvent.Kind.VERDICT,
            happened_at=now,
            text=f"{text}, {told[case.id]}" if case.id in told else text,
        )
        for case in cases
    )
    transaction.on_commit(partial(live.push_queues, {queue.id: 0}))
    return len(cases)


def _tell_of_held(cases: list[Case], *, verdict: str, now: datetime) -> dict[UUID, str]:
    """Say to the payment system what becomes of payments that wait for our word; in words, of each case with some.

    Where a verdict of an analyst has taken effect on a payment, their word stands.
    """
    if verdict == Case.Verdict.INCONCLUSIVE:
        return {}
    spoken = VerdictPayment.objects.filter(decision=OuterRef("decision"), verdict__state=Verdict.State.DONE)
    held = Alert.objects.filter(~Exists(spoken.exclude(label="")), case__in=cases, decision__outcome=Outcome.REVIEW)
    lean = held.select_related("decision").only("case_id", "decision__card_id", "decision__transaction_id")
    rulings = [verdict_effects.Ruling(alert.decision, alert.case_id, verdict) for alert in lean.order_by("case", "id")]
    verdict_effects.tell_payment_system(rulings, decided_at=now, by="clock", now=now)
    return {case_id: verdict_effects.told(of_case) for case_id, of_case in groupby(rulings, lambda one: one.case_id)}


def _open_in(queue: Queue) -> "QuerySet[Case]":
    return Case.objects.filter(queue=queue, status=Case.Status.OPEN)


def _overdue(queue: Queue, now: datetime) -> "QuerySet[Case]":
    """Cases whose time is up, that are awake and that nobody works on."""
    return _open_in(queue).filter(claims.awake(now), due_at__lte=now).exclude(claimed_until__gte=now)


def _locked(cases: "QuerySet[Case]") -> list[Case]:
    return list(cases.order_by("due_at").select_for_update(skip_locked=True)[:_MOST])
