"""Turns flagged decisions into cases and numbered feed entries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from django.db import transaction
from django.db.models import Max, Q

from cases import live, money
from cases.models import Alert, Case, CaseEvent, FeedEntry, Queue
from cases.models.headline import HEADLINE_FIELDS
from cases.rescored import FLAGGED, as_found, event_words, is_audit
from cases.services import claims, queues, routing, snoozes
from scoring.models import Decision
from scoring.services.explaining import leave_for_explaining

_NO_REASON = "No single reason stands out"
_JOINED = ("stake", "currency", "amount", "score", "top_reason", "alert_count", "snoozed_until")
_MOVED = ("queue", "half_life_minutes", "due_at", "warned_at")


@dataclass
class _Batch:
    """What one call will write."""

    opened: list[Case] = field(default_factory=list)
    joined: dict[str, Case] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    entries: list[FeedEntry] = field(default_factory=list)


@transaction.atomic
def open_cases(decision_ids: Sequence[int], *, now: datetime) -> list[FeedEntry]:
    """Open a case for each flagged decision's card, or join the card's open one.

    Flagged is also what was let through without a part and was flagged when it was scored again; what was drawn for
    the audit is looked at too. Idempotent: decisions that have their alert already are passed over. What was
    flagged is left to be explained. Returns the feed entries it added.
    """
    # The lock orders writers of the feed (seq has no gaps, and a reader never sees 7 before 6) and makes a
    # second, simultaneous call with the same ids wait until it can see the alerts of the first.
    queues.lock_opening()
    is_to_see = Q(outcome__in=FLAGGED) | Q(rescoring__outcome__in=FLAGGED) | Q(audit_draw__isnull=False)
    found = Decision.objects.filter(is_to_see, id__in=decision_ids, alert=None)
    decisions = found.select_related("rescoring", "audit_draw")
    batch = _prepare([as_found(decision) for decision in decisions.order_by("id")], now=now)
    _write(batch)
    if batch.entries:
        transaction.on_commit(partial(live.push_feed, batch.entries[-1].seq))
    return batch.entries


def _prepare(decisions: list[Decision], *, now: datetime) -> _Batch:
    batch = _Batch()
    cases = _lock_open_cases({decision.card_id for decision in decisions})
    taken = routing.route(decisions)
    last = FeedEntry.objects.aggregate(last=Max("seq"))["last"] or 0
    for seq, decision in enumerate(decisions, start=last + 1):
        case = cases.get(decision.card_id)
        if case is None:
            case = cases[decision.card_id] = _new_case(decision, taken[decision.id], now=now)
            batch.opened.append(case)
            kind = CaseEvent.Kind.OPENED
        else:
            _join(case, decision)
            batch.joined[case.card_id] = case
            kind = CaseEvent.Kind.JOINED
        batch.alerts.append(Alert(case=case, decision=decision))
        batch.events.append(CaseEvent(case=case, kind=kind, happened_at=now, text=event_words(decision)))
        batch.events += _move_up(case, taken[decision.id], now=now)
        batch.events.extend(snoozes.wake_by_alert(case, now=now))
        batch.entries.append(FeedEntry(seq=seq, decision=decision, case=case))
    return batch


def _lock_open_cases(card_ids: Iterable[str]) -> dict[str, Case]:
    """Lock the open cases of the cards, always in the same order.

    A verdict that is being recorded holds the row: we wait, then no longer find the case open, and the alert
    opens a new one. A verdict that comes after us waits, and then finds our alert in the case.
    """
    cases = Case.objects.filter(card_id__in=card_ids, status=Case.Status.OPEN).order_by("card_id")
    return {case.card_id: case for case in cases.select_for_update().prefetch_related("queue")}


def _new_case(decision: Decision, queue: Queue, *, now: datetime) -> Case:
    case = Case(
        card_id=decision.card_id,
        stake=_stake_of(decision),
        currency=decision.currency,
        amount=decision.amount,
        score=decision.score,
        top_reason=_top_reason(decision),
        alert_count=1,
        opened_at=now,
        **queues.placement(queue, due_at=queues.due_in(queue, now)),
    )
    case.take_headline(decision)
    return case


def _stake_of(decision: Decision) -> Decimal:
    """Nothing suspicious was found in what was drawn at random: in the order of work others go first."""
    return Decimal(0) if is_audit(decision) else money.stake_of(decision.amount, decision.score)


def _join(case: Case, decision: Decision) -> None:
    """Add the decision's stake; show it in the queue when it is the largest of the case."""
    stake = _stake_of(decision)
    if stake > (case.stake if case.is_audit else money.stake_of(case.amount, case.score)):
        case.amount, case.currency = decision.amount, decision.currency
        case.score, case.top_reason = decision.score, _top_reason(decision)
        case.take_headline(decision)
    case.stake += stake
    case.alert_count += 1


def _move_up(case: Case, queue: Queue, *, now: datetime) -> list[CaseEvent]:
    """Put a case into the queue that takes the joining payment, where that one is offered cases before its own.

    Not one that somebody works on or has placed. Its time can get shorter by that, never longer.
    """
    if case.is_placed or claims.is_running(case, now) or not routing.is_before(queue, case.queue):
        return []
    text = f"To {queue.title}, where the new payment belongs"
    for name, value in queues.placement(queue, due_at=min(case.due_at, queues.due_in(queue, now))).items():
        setattr(case, name, value)
    return [CaseEvent(case=case, kind=CaseEvent.Kind.MOVED, happened_at=now, text=text)]


def _top_reason(decision: Decision) -> str:
    return str(decision.reasons[0]["words"])[:300] if decision.reasons else _NO_REASON


def _write(batch: _Batch) -> None:
    Case.objects.bulk_create(batch.opened)
    # A case that was opened and joined in one call is written by its insert.
    opened = {case.id for case in batch.opened}
    Case.objects.bulk_update(
        [case for case in batch.joined.values() if case.id not in opened],
        [*_JOINED, *_MOVED, *HEADLINE_FIELDS],
    )
    Alert.objects.bulk_create(batch.alerts)
    CaseEvent.objects.bulk_create(batch.events)
    FeedEntry.objects.bulk_create(batch.entries)
    # Of what chance alone brought here there is nothing to explain: nothing flagged it.
    leave_for_explaining([alert.decision_id for alert in batch.alerts if not is_audit(alert.decision)])
