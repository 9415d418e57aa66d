"""Making the feature store again from the record.

While it is made, the store refuses all other writes, so no `PendingFeatures` row can be settled. What was recorded by
the beginning is counted here, in its order; rows it still has then get their receipts at the end, whether their owners
have deleted them by then or not. What is recorded meanwhile has rows of its own and is left to them. Progress is kept
with the run, each chunk under a receipt: a run goes on where it was interrupted.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from secrets import token_hex

import numpy as np
from django.db.models import Exists, Manager, Min, OuterRef, Q, QuerySet
from django.utils.timezone import now
from numpy.typing import NDArray

from scoring.features.definitions import VERSION
from scoring.features.events import Event
from scoring.features.live import FeatureStoreLostError, Pending, StateStore, StateWrite
from scoring.models import Decision, FeatureRebuild, Label, PendingFeatures
from scoring.queries import payments_between
from scoring.services.degraded import note_rebuilt
from scoring.services.features import FRAUD_FIELDS, fraud_event
from scoring.services.locks import try_lock

logger = logging.getLogger(__name__)

CHUNK = 2_000
LOCK = "feature rebuild"
WAIT_SECONDS = 1.0

# Payments counted so far, payments in all.
Progress = Callable[[int, int], None]


class RebuildRunningError(Exception):
    """Another process is at it. Nothing was changed."""


def restore_features(*, store: StateStore, progress: Progress) -> None:
    """Make the store whole where it is not; waits while another process does it.

    `progress` is called about every second, and may raise to stop: the next call goes on from there.

    Raises:
        FeatureStoreError: the store does not answer.
    """
    while not _is_whole(store):
        with try_lock(LOCK) as is_ours:
            if is_ours:
                if not _is_whole(store):
                    _rebuild(store, progress)
                return
        progress(0, 0)
        time.sleep(WAIT_SECONDS)


def rebuild_features(*, store: StateStore, progress: Progress, is_fresh: bool) -> FeatureRebuild:
    """Drop all states and make them again, or go on with a run that was interrupted (unless `is_fresh`).

    Raises:
        RebuildRunningError: another process is at it.
        FeatureStoreError: the store failed; run it again.
    """
    with try_lock(LOCK) as is_ours:
        if not is_ours:
            raise RebuildRunningError
        return _rebuild(store, progress, is_fresh=is_fresh)


def _is_whole(store: StateStore) -> bool:
    try:
        store.read([])
    except FeatureStoreLostError:
        return False
    return True


def _rebuild(store: StateStore, progress: Progress, *, is_fresh: bool = False) -> FeatureRebuild:
    run = (None if is_fresh else _interrupted(store)) or _begin(store)
    building = store.rebuilding(run.token)
    _count_payments(run, building, progress)
    _count_labels(run, building, progress)
    generation, _ = building.read([])
    for row_id in run.pending:
        building.write(StateWrite(generation, [], [], [], receipts=(str(row_id),)))
    store.finish_rebuild(run.token)
    FeatureRebuild.objects.filter(id=run.id).update(finished_at=now())
    logger.info("the feature store is whole again: %s payments, %s frauds", run.payments, run.labels)
    return run


def _interrupted(store: StateStore) -> FeatureRebuild | None:
    """The run whose states are in the store, all of them: one that crashed may have lost the last chunks."""
    generation = (store.generation() or b"").decode()
    if not generation.startswith("building:"):
        return None
    token = generation.removeprefix("building:")
    run = FeatureRebuild.objects.filter(token=token, feature_version=VERSION, finished_at=None).first()
    if run is None:
        return None
    last = f"labels:{run.last_label_id}" if run.last_label_id else f"payments:{run.last_decision_id}"
    has_begun = run.last_decision_id or run.last_label_id
    return run if not has_begun or store.has_receipts([f"{token}:{last}"]) == [True] else None


def _begin(store: StateStore) -> FeatureRebuild:
    token = token_hex(8)
    # First no more writes, then the look at what was not settled.
    store.begin_rebuild(token)
    pending = list(PendingFeatures.objects.order_by("id").values_list("id", flat=True))
    logger.warning("making the feature store again from the record")
    return FeatureRebuild.objects.create(token=token, feature_version=VERSION, pending=pending)


def _count_payments(run: FeatureRebuild, store: StateStore, progress: Progress) -> None:
    total = Decision.objects.filter(id__gt=run.last_decision_id).count() + run.payments
    while span := _next_span(Decision.objects, run.last_decision_id):
        chunk = payments_between(*span)
        # Looked up after the payments: no row of theirs can have been deleted in between.
        left_out = set[int]().union(*_since(run).values_list("decision_ids", flat=True))
        counted = [(decision_id, payment) for decision_id, payment in chunk if decision_id not in left_out]
        ids, events = [one[0] for one in counted], [one[1] for one in counted]
        last = span[1]
        see = partial(note_rebuilt, *span, ids)
        _write(store, events, f"{run.token}:payments", last, run.last_decision_id, see=see)
        run.last_decision_id, run.payments = last, run.payments + len(events)
        run.save(update_fields=["last_decision_id", "payments"])
        progress(run.payments, max(total, run.payments))


def _count_labels(run: FeatureRebuild, store: StateStore, progress: Progress) -> None:
    """Frauds the features had learnt: of each payment the statement that was applied first."""
    waiting = set[int]().union(*_since(run).values_list("label_ids", flat=True))
    applied = Label.objects.filter(label=Label.Value.FRAUD, applied_at__isnull=False)
    same_time = Q(applied_at=OuterRef("applied_at"))
    before = (
        Q(applied_at__lt=OuterRef("applied_at"))
        | same_time & Q(known_at__lt=OuterRef("known_at"))
        | same_time & Q(known_at=OuterRef("known_at"), id__lt=OuterRef("id"))
    )
    counted = applied.exclude(Exists(applied.filter(before, decision=OuterRef("decision"))))
    labels = counted.select_related("decision").only(*FRAUD_FIELDS).order_by("id")
    while span := _next_span(Label.objects, run.last_label_id):
        events = [fraud_event(label) for label in labels.filter(id__range=span) if label.id not in waiting]
        last = span[1]
        _write(store, events, f"{run.token}:labels", last, run.last_label_id)
        run.last_label_id, run.labels = last, run.labels + len(events)
        run.save(update_fields=["last_label_id", "labels"])
        progress(run.payments, run.payments)


def _next_span(rows: Manager[Decision] | Manager[Label], last: int) -> tuple[int, int] | None:
    """First and last id of the next chunk that has any: always the same spans, whatever was recorded meanwhile."""
    following = rows.filter(id__gt=last).aggregate(following=Min("id"))["following"]
    return None if following is None else (following // CHUNK * CHUNK, following // CHUNK * CHUNK + CHUNK - 1)


def _since(run: FeatureRebuild) -> QuerySet[PendingFeatures]:
    """What was recorded after the run began."""
    return PendingFeatures.objects.exclude(id__in=run.pending)


def _write(  # noqa: PLR0913 - a chunk, where it stands, and who wants to see its vectors
    store: StateStore,
    events: Sequence[Event],
    name: str,
    last: int,
    before: int,
    *,
    see: Callable[[NDArray[np.float32]], object] = lambda vectors: None,
) -> None:
    receipts, forget = (f"{name}:{last}",), [f"{name}:{before}"]
    if events:
        pending = Pending(store, events)
        see(pending.vectors)
        pending.write(receipts, forget)
    else:
        store.write(StateWrite(store.read([])[0], [], [], [], receipts, forget))
