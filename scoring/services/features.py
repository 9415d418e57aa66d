"""Feature writes: each follows the commit of its batch, and is done again by whoever finds it undone, once.

The transaction that records a batch leaves a `PendingFeatures` row. The store takes a batch's states together with that
row's id, its receipt, or refuses them because the receipt is there. So any process may repeat any write at any time.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.live import Pending, StateStore, StateWrite
from scoring.models import Label, PendingFeatures
from scoring.queries import payments_of
from scoring.services.degraded import (
    fill_in_frauds,
    give_up_orphans,
    give_up_vectors,
    note_vectors,
    without_vectors,
)
from scoring.services.outbox import array_of

ROWS_AT_ONCE = 500
# A writer that could not write by then leaves its batch to others. They wait longer before they delete its row and make
# the store forget its receipt, so that nobody comes late and counts a batch twice.
WRITE_WITHIN = timedelta(seconds=30)
SETTLE_AFTER = timedelta(seconds=60)
# Valkey syncs its log every second.
SYNC_SECONDS = 5.0
_INSERT = """
INSERT INTO scoring_pendingfeatures (writer, decision_ids, label_ids, is_degraded)
VALUES (%s, %s::bigint[], %s::bigint[], %s) RETURNING id
"""
# What `fraud_event` reads.
FRAUD_FIELDS = ("known_at", *(f"decision__{name}" for name in (
    "card_id", "merchant_id", "customer_id", "device_id", "ip_address",
)))  # fmt: skip


@dataclass(frozen=True)
class KnownFraud:
    """A fraud of the ledger, and what the features learn from it."""

    label_id: int
    event: FraudKnown


def remember_features(
    writer: str, decision_ids: Sequence[int], label_ids: Sequence[int] = (), *, is_degraded: bool = False
) -> int:
    """Note that a batch is to be counted; the receipt. Must run in the transaction that records the batch.

    `is_degraded`: it was decided without features, and its writer will not count it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [writer, array_of(decision_ids), array_of(label_ids), is_degraded])
        return int(cursor.fetchone()[0])


class SettledWrites:
    """Feature writes of a long-lived writer that are done; forgotten once the store has them on its disk."""

    def __init__(self) -> None:
        self._done: deque[tuple[float, int]] = deque()

    def add(self, receipt: int) -> None:
        self._done.append((time.monotonic(), receipt))

    def due(self) -> list[int]:
        """Receipts whose rows can go: a store that crashes may lose what it took in the seconds before."""
        latest = time.monotonic() - SYNC_SECONDS
        return [receipt for at, receipt in self._done if at <= latest]

    def forget(self, receipts: Sequence[int]) -> None:
        """Drop receipts that `due` gave: their rows are deleted."""
        for _ in receipts:
            self._done.popleft()


def settle_features(name_prefix: str, *, store: StateStore, older_than: timedelta = timedelta(0)) -> int:
    """Count what writers of this name left uncounted, in the order it was recorded; the number of such batches.

    Rows that nobody can come back to are deleted. Batches decided without features come first, however young: their
    writers do not come back.

    Raises:
        FeatureStoreLostError: the store is empty and must be restored first.
        FeatureStoreError: rows not counted yet stay.
    """
    generation, _ = store.read([])
    counted, last = _settle_degraded(name_prefix, store), 0
    while rows := PendingFeatures.objects.filter(
        ~_IS_UNSEEN, id__gt=last, writer__startswith=name_prefix, created_at__lte=Now() - older_than
    ).order_by("id")[:ROWS_AT_ONCE]:
        last, applied, deleted = _settle(rows, store)
        # Their rows are gone by now, and it is too late for their writers.
        store.write(StateWrite(generation, [], [], [], forget=deleted))
        counted += applied
    return counted


_IS_UNSEEN = Q(is_degraded=True, settled_at=None)


def _settle_degraded(name_prefix: str, store: StateStore) -> int:
    """Count batches that were decided without features and keep what they should have been decided with."""
    give_up_orphans()
    counted, last = 0, 0
    unseen = PendingFeatures.objects.filter(_IS_UNSEEN, writer__startswith=name_prefix).order_by("id")
    while rows := list(unseen.filter(id__gt=last)[:ROWS_AT_ONCE]):
        counted += sum(_count_degraded(row, store) for row in rows)
        last = rows[-1].id
    fill_in_frauds(store)
    return counted


def _count_degraded(row: PendingFeatures, store: StateStore) -> bool:
    """Note the vectors of a batch, then count it. A crash in between leaves both to be done again."""
    events = _events_of(row)
    pending = Pending(store, events)
    # Asked after the states were read: what was not counted by now is not in them.
    is_done = store.has_receipts([str(row.id)]) == [True]
    if is_done:
        give_up_vectors(without_vectors().filter(receipt=row.id))
    else:
        rows = [i for i, event in enumerate(events) if isinstance(event, Payment)]
        note_vectors(sorted(row.decision_ids), pending.vectors[rows])
        pending.write(receipt=str(row.id))
    PendingFeatures.objects.filter(id=row.id).update(settled_at=Now())
    return not is_done


@transaction.atomic
def _settle(found: QuerySet[PendingFeatures], store: StateStore) -> tuple[int, int, list[str]]:
    """Count some rows and delete the old ones; the last id, how many were counted, the receipts of the deleted."""
    last = max(row.id for row in found)
    # Locked: a writer that knows its row to be done deletes it, and only then makes the store forget the receipt.
    rows = list(PendingFeatures.objects.select_for_update().filter(id__in=[row.id for row in found]).order_by("id"))
    missing = [
        row for row, is_done in zip(rows, store.has_receipts([str(row.id) for row in rows]), strict=True) if not is_done
    ]
    for row in missing:
        apply_row(row, store=store)
    ours = PendingFeatures.objects.filter(id__in=[row.id for row in rows])
    ours.filter(id__in=[row.id for row in missing]).update(settled_at=Now())
    # What was counted only now stays until the store has it on its disk.
    synced = Q(settled_at=None) | Q(settled_at__lte=Now() - timedelta(seconds=SYNC_SECONDS))
    deleted = [str(row.id) for row in ours.filter(synced, created_at__lte=Now() - SETTLE_AFTER)]
    PendingFeatures.objects.filter(id__in=deleted).delete()
    return last, len(missing), deleted


def apply_row(row: PendingFeatures, *, store: StateStore) -> None:
    """Count one batch; nothing happens where its receipt is there already."""
    Pending(store, _events_of(row)).write(receipt=str(row.id))


def _events_of(row: PendingFeatures) -> list[Event]:
    labels = Label.objects.filter(id__in=row.label_ids).select_related("decision").only(*FRAUD_FIELDS)
    frauds = [fraud_event(label) for label in labels.order_by("known_at", "id")]
    return merge_events(payments_of(row.decision_ids), frauds)


def fraud_event(label: Label) -> FraudKnown:
    """What the features learn from a label, at the time it became known."""
    decision = label.decision
    return FraudKnown(
        known_at=label.known_at,
        card_id=decision.card_id,
        merchant_id=decision.merchant_id,
        customer_id=decision.customer_id or None,
        device_id=decision.device_id or None,
        ip_address=decision.ip_address,
    )


def merge_events(payments: Sequence[Payment], learnt: Sequence[FraudKnown]) -> list[Event]:
    """Payments in the log's order, each label before the first payment that could know of it."""
    if not learnt:
        return list(payments)
    labels = sorted(learnt, key=lambda label: label.known_at)
    events: list[Event] = []
    taken = 0
    for payment in payments:
        while taken < len(labels) and labels[taken].known_at <= payment.transaction.occurred_at:
            events.append(labels[taken])
            taken += 1
        events.append(payment)
    events.extend(labels[taken:])
    return events
