"""Mending the features after a crash fell between the record of a run and its features."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from scoring.features.events import FraudKnown
from scoring.features.live import Pending, StateStore
from scoring.importing.ledger import PendingFraud, PendingFrauds
from scoring.importing.runs import Step, runs_of
from scoring.models import Decision, Label
from scoring.queries import payments_after
from scoring.services.decisions import RECOVERY_CHUNK, Arrival, merge_events

NO_MARK = -1
LATEST = datetime.max.replace(tzinfo=UTC)
Learnt = Mapping[int, PendingFraud]


def recover_import(*, source: str, store: StateStore, progress: Callable[[int], None]) -> int:
    """Apply what the record of an import has past the store's mark, with the frauds learnt there; the payments.

    `recover_features` for sources that learn frauds between their payments.
    """
    mark = int(store.mark_of(source) or NO_MARK)
    learnt = _learnt_after(source, mark)
    pending = PendingFrauds([fraud for position, fraud in learnt.items() if position <= mark])
    applied = 0
    for run in runs_of(_steps(source, mark, learnt), longest=RECOVERY_CHUNK):
        arrivals = [step.item for step in run]
        due = pending.pop_due(max(step.occurred_at for step in run))
        last = arrivals[-1].position or 0
        Pending(store, merge_events(arrivals, [fraud.event for fraud in due])).write(mark=f"{source}={last}")
        for arrival in arrivals:
            if arrival.position in learnt:
                pending.add([learnt[arrival.position]])
        applied += len(arrivals)
        progress(applied)
    if rest := pending.pop_due(LATEST):
        Pending(store, [fraud.event for fraud in rest]).write()
    return applied


def _learnt_after(source: str, mark: int) -> dict[int, PendingFraud]:
    """Frauds learnt by the runs past the mark, or ever where the store lost the mark; by position of their payment."""
    labels = Label.objects.filter(decision__source=source, label=Label.Value.FRAUD).exclude(applied_at=None)
    if mark != NO_MARK:
        lost = Decision.objects.filter(source=source, position__gt=mark)
        labels = labels.filter(applied_at__in=lost.values("created_at"))
    rows = labels.values_list("decision__position", "id", "decision__merchant_id", "decision__device_id", "known_at")
    return {
        position: PendingFraud(label_id, FraudKnown(merchant, device or None, known_at))
        for position, label_id, merchant, device, known_at in rows
        if position is not None
    }


def _steps(source: str, mark: int, learnt: Learnt) -> Iterator[Step[Arrival]]:
    while later := list(payments_after(source, mark, limit=RECOVERY_CHUNK)):
        for position, payment in later:
            fraud = learnt.get(position)
            yield Step(
                Arrival(payment.transaction, payment.received_at, position),
                payment.transaction.occurred_at,
                None if fraud is None else fraud.event.known_at,
            )
        mark = later[-1][0]
