"""Feature writes: each follows the commit of its batch, and is done again by whoever finds it undone, once.

The transaction that records a batch leaves a `PendingFeatures` row. The store takes a batch's states together with that
row's id, its receipt, or refuses them because the receipt is there. So any process may repeat any write at any time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import numpy as np
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from numpy.typing import NDArray

from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.live import PartlyCountedError, Pending, StateStore, StateWrite
from scoring.models import Label, PendingFeatures
from scoring.models.delivery import IS_UNSEEN
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
# While a write of so many runs, Valkey answers nobody else: calls wait for it 10 ms at most.
EVENTS_AT_ONCE = 250
# What waits since an outage is counted in turns of so many writes: labels and what dead writers left wait for one only.
PIECES_AT_ONCE = 4
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
    "card_id", "merchant_id", "customer_id", "device_id", "ip_address", "amount",
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
    """Count all that writers of this name left uncounted, in the order it was recorded; the number of such batches.

    Batches decided without features come first, however young: their writers do not come back.

    Raises:
        FeatureStoreLostError: the store is empty and must be restored first.
        FeatureStoreError: rows not counted yet stay.
    """
    counted, is_more = 0, True
    while is_more:
        some, is_more = settle_degraded(name_prefix, store=store)
        counted += some
    return counted + settle_seen(name_prefix, store=store, older_than=older_than)


def settle_degraded(name_prefix: str, *, store: StateStore) -> tuple[int, bool]:
    """Count the oldest batches decided without features and keep what they should have been decided with.

    A turn: how many batches were counted, and whether more may wait. Raises: as `settle_features`.
    """
    store.read([])
    unseen = PendingFeatures.objects.filter(IS_UNSEEN, writer__startswith=name_prefix)
    rows = list(unseen.only("decision_ids", "label_ids").order_by("id")[:ROWS_AT_ONCE])
    counted = sum(_count_degraded(some, store) for some in islice(_pieces(rows), PIECES_AT_ONCE))
    if rows:
        return counted, True
    give_up_orphans()
    return 0, fill_in_frauds(store)


def settle_seen(name_prefix: str, *, store: StateStore, older_than: timedelta = timedelta(0)) -> int:
    """Count what writers of this name left uncounted of what they had features for; the number of such batches.

    Rows that nobody can come back to are deleted. Raises: as `settle_features`.
    """
    generation, _ = store.read([])
    counted, last = 0, 0
    # What was counted a moment ago cannot be deleted yet: who comes again and again leaves it for now.
    settled_by = Now() - min(older_than, timedelta(seconds=SYNC_SECONDS))
    due = PendingFeatures.objects.filter(
        ~IS_UNSEEN,
        Q(settled_at=None) | Q(settled_at__lte=settled_by),
        writer__startswith=name_prefix,
        created_at__lte=Now() - older_than,
    )
    while ids := list(due.filter(id__gt=last).order_by("id").values_list("id", flat=True)[:ROWS_AT_ONCE]):
        last = ids[-1]
        applied, deleted = _settle(ids, store)
        # Their rows are gone by now, and it is too late for their writers.
        store.write(StateWrite(generation, [], [], [], forget=deleted))
        counted += applied
    return counted


def _count_degraded(rows: Sequence[PendingFeatures], store: StateStore) -> int:
    """Note the vectors of some batches, then count them. A crash in between leaves both to be done again."""
    counted = _count(rows, store, see=note_vectors)
    ids = [row.id for row in rows]
    # Whoever counted the others has noted theirs before, or never will.
    give_up_vectors(without_vectors().filter(receipt__in=ids))
    PendingFeatures.objects.filter(id__in=ids).update(settled_at=Now())
    return counted


@transaction.atomic
def _settle(found: Sequence[int], store: StateStore) -> tuple[int, list[str]]:
    """Count rows of these ids and delete the old ones; how many were counted, the receipts of the deleted."""
    # Locked: a writer that knows its row to be done deletes it, and only then makes the store forget the receipt.
    locked = PendingFeatures.objects.select_for_update().filter(id__in=found)
    rows = list(locked.only("decision_ids", "label_ids").order_by("id"))
    missing = _uncounted(rows, store)
    for some in _pieces(missing):
        _count(some, store)
    ours = PendingFeatures.objects.filter(id__in=[row.id for row in rows])
    ours.filter(id__in=[row.id for row in missing]).update(settled_at=Now())
    # What was counted only now stays until the store has it on its disk.
    synced = Q(settled_at=None) | Q(settled_at__lte=Now() - timedelta(seconds=SYNC_SECONDS))
    deleted = [str(row.id) for row in ours.filter(synced, created_at__lte=Now() - SETTLE_AFTER)]
    PendingFeatures.objects.filter(id__in=deleted).delete()
    return len(missing), deleted


def _pieces(rows: Sequence[PendingFeatures]) -> Iterator[list[PendingFeatures]]:
    """Batches in their order, as many together as EVENTS_AT_ONCE lets; a larger one stands alone."""
    piece: list[PendingFeatures] = []
    events = 0
    for row in rows:
        events += len(row.decision_ids) + len(row.label_ids)
        if piece and events > EVENTS_AT_ONCE:
            yield piece
            piece, events = [], len(row.decision_ids) + len(row.label_ids)
        piece.append(row)
    if piece:
        yield piece


def _count(
    rows: Sequence[PendingFeatures],
    store: StateStore,
    *,
    see: Callable[[list[int], NDArray[np.float32]], object] = lambda decision_ids, vectors: None,
) -> int:
    """Count all batches that are not counted yet, in one write and the record's order; the number of these.

    `see` gets their payments and the vectors these have by now (float32, a row a payment) before they are counted, and
    again, of fewer, where another process counts some of them meanwhile.

    Raises:
        FeatureStoreError: none was counted here, or no answer came.
    """
    waiting = list(rows)
    while waiting:
        events = _events_of(waiting)
        pending = Pending(store, events)
        # Asked after the states were read: what was not counted by now is not in them.
        left = _uncounted(waiting, store)
        if len(left) == len(waiting):
            payments = [i for i, event in enumerate(events) if isinstance(event, Payment)]
            see(sorted(one for row in waiting for one in row.decision_ids), pending.vectors[payments])
            with suppress(PartlyCountedError):
                pending.write(_receipts_of(waiting))
                return len(waiting)
        waiting = left
    return 0


def _uncounted(rows: Sequence[PendingFeatures], store: StateStore) -> list[PendingFeatures]:
    done = store.has_receipts(_receipts_of(rows))
    return [row for row, is_done in zip(rows, done, strict=True) if not is_done]


def _receipts_of(rows: Sequence[PendingFeatures]) -> tuple[str, ...]:
    return tuple(str(row.id) for row in rows)


def _events_of(rows: Sequence[PendingFeatures]) -> list[Event]:
    label_ids = [one for row in rows for one in row.label_ids]
    labels = Label.objects.filter(id__in=label_ids).select_related("decision").only(*FRAUD_FIELDS)
    frauds = [fraud_event(label) for label in labels.order_by("known_at", "id")] if label_ids else []
    return merge_events(payments_of([one for row in rows for one in row.decision_ids]), frauds)


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
        amount=decision.amount,
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
