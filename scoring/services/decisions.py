"""Deciding payments for stream, REST and files: one path from transaction to recorded decision."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from django.db import IntegrityError, OperationalError, transaction
from django.utils.timezone import now
from numpy.typing import NDArray

from scoring import metrics
from scoring.decisioning import DECLINE, Decided
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, Pending, StateStore, request_only_vectors
from scoring.models import Decision, PendingFeatures
from scoring.queries import RecordedDecision, as_recorded, decisions_of, transaction_of
from scoring.queries_lists import list_hits
from scoring.services.batch_engine import BatchEngine
from scoring.services.degraded import remember_degraded
from scoring.services.features import WRITE_WITHIN, KnownFraud, SettledWrites, merge_events, remember_features
from scoring.services.line_up import line_up
from scoring.services.policy import policy_in_force
from scoring.services.recording import Arrival, add_effects, copy_decisions
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

MAX_RACES = 5


class ContendedError(OperationalError):
    """Other processes kept deciding the same payments. Nothing was recorded here; try again."""


class Result(msgspec.Struct, frozen=True, gc=False):
    """What became of an arrival: a decision, new or recorded before, or a conflict (decision None)."""

    arrival: Arrival
    decision: RecordedDecision | None
    is_new: bool


@dataclass(frozen=True)
class Writer:
    """Who decides: its name at the feature writes, its store, and what it needs written in the decisions' transaction.

    A patient writer (stream, file) fails without the feature store and is run again; the others answer degraded.
    `before_commit` gets the arrivals whose id was decided before with other content. `settled` is what a writer keeps
    over its calls: feature writes known to be done, whose rows go with a later batch. Without it, or after a crash,
    `settle_features` removes them.
    """

    name: str
    store: StateStore
    is_patient: bool = True
    has_effects: bool = True
    before_commit: Callable[[list[Arrival]], None] = lambda conflicts: None
    settled: SettledWrites | None = None


@dataclass
class _Batch:
    """New arrivals on their way through the engine. rows: int64, their events among those of `pending`."""

    arrivals: list[Arrival]
    vectors: NDArray[np.float32]
    pending: Pending | None = None
    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    degraded: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    @property
    def transactions(self) -> list[Transaction]:
        return [arrival.transaction for arrival in self.arrivals]


def decide_transactions(
    arrivals: Sequence[Arrival], *, writer: Writer, learnt: Sequence[KnownFraud] = ()
) -> list[Result]:
    """Decide and record arrivals in their order, each once; one result each, in order.

    Decisions, their outbox rows and whatever `before_commit` writes are one database transaction; features follow it.
    `learnt`: frauds that became known, counted in time order between the payments.

    Raises:
        FeatureStoreError: a patient writer's store failed. Decisions may be recorded; `settle_features` does the rest.
        OperationalError: the database failed. All or none of them may have been recorded: deciding again tells.
    """
    for _ in range(MAX_RACES):
        try:
            return _decide_once(arrivals, writer, learnt)
        except IntegrityError:
            # Another process recorded one of these between our look and our write: look again.
            logger.info("a transaction was decided elsewhere meanwhile; looking again")
    raise ContendedError(f"transactions kept being decided elsewhere during {MAX_RACES} attempts")


def _decide_once(arrivals: Sequence[Arrival], writer: Writer, learnt: Sequence[KnownFraud]) -> list[Result]:
    stored = decisions_of([arrival.transaction.transaction_id for arrival in arrivals])
    new: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.transaction.transaction_id not in stored:
            new.setdefault(arrival.transaction.transaction_id, arrival)
    conflicts = [arrival for arrival in arrivals if _first(arrival, stored, new) != arrival.transaction]
    batch = _with_features(list(new.values()), writer, learnt)
    recorded = _decide_new(batch) if new else []
    # A batch that did not speak with the store cannot know whether it was restarted.
    due = writer.settled.due() if writer.settled is not None and batch.pending is not None else []
    with transaction.atomic():
        if due:
            PendingFeatures.objects.filter(id__in=due).delete()
        receipt = _record(batch, recorded, writer, [fraud.label_id for fraud in learnt])
        writer.before_commit(conflicts)
    committed = time.monotonic()
    metrics.observe(recorded, source=writer.name.partition(":")[0])
    if receipt and batch.pending is not None:
        _write_features(batch.pending, receipt, due, writer, committed)
    made = {decision.transaction_id: decision for decision in recorded}
    return [_result(arrival, stored, new, made) for arrival in arrivals]


def _first(arrival: Arrival, stored: dict[str, Decision], new: dict[str, Arrival]) -> Transaction:
    """The transaction that holds the arrival's id."""
    name = arrival.transaction.transaction_id
    return transaction_of(stored[name]) if name in stored else new[name].transaction


def _result(
    arrival: Arrival, stored: dict[str, Decision], new: dict[str, Arrival], made: dict[str, RecordedDecision]
) -> Result:
    name = arrival.transaction.transaction_id
    if _first(arrival, stored, new) != arrival.transaction:
        return Result(arrival, None, is_new=False)
    if name in stored:
        return Result(arrival, as_recorded(stored[name]), is_new=False)
    return Result(arrival, made[name], is_new=new[name] is arrival)


def _with_features(arrivals: list[Arrival], writer: Writer, learnt: Sequence[KnownFraud]) -> _Batch:
    started = time.perf_counter()
    payments = [Payment(arrival.transaction, arrival.received_at) for arrival in arrivals]
    events = merge_events(payments, [fraud.event for fraud in learnt])
    if not events:
        # A payment sent again must not depend on the store.
        return _Batch(arrivals, request_only_vectors([]), started=started)
    try:
        pending = Pending(writer.store, events)
    except FeatureStoreError as error:
        if writer.is_patient:
            raise
        # For each batch of an outage: that it began, and ended, is the breaker's to say.
        logger.debug("deciding without features: %s", error)
        return _Batch(arrivals, request_only_vectors(payments), degraded=["features"], started=started)
    rows = np.array([i for i, event in enumerate(events) if isinstance(event, Payment)], np.int64)
    return _Batch(arrivals, pending.vectors[rows], pending, rows, started=started)


def _decide_new(batch: _Batch) -> list[RecordedDecision]:
    policy, models = policy_in_force(), line_up()
    if models.champion is None:
        batch.degraded.append("model")
    transactions, at = batch.transactions, now()
    parts = models.split([transaction.card_id for transaction in transactions])
    engine = BatchEngine(transactions, batch.vectors, parts, policy, list_hits(transactions, at=at), at)
    found = engine.decide(range(len(transactions)))
    decided = [found[row] for row in range(len(transactions))]
    if batch.pending is not None:
        _see_declines(batch, batch.pending, decided, engine.decide)
    return _recorded(batch, decided, engine)


def _see_declines(
    batch: _Batch, pending: Pending, decided: list[Decided], again: Callable[[set[int]], dict[int, Decided]]
) -> None:
    """Let payments see the declines of their card before them in the batch, and decide those again that change.

    A decision depends on those before it only. So once nothing changes, every decision is what it would be had the
    payments come one at a time.
    """
    declined = np.zeros(len(pending.vectors), bool)
    has_guessed = False
    while True:
        declined[batch.rows] = [one.outcome == DECLINE for one in decided]
        changed = set(pending.learn_declines(declined).tolist())
        if not changed:
            return
        if not has_guessed:
            # Whoever tests cards is declined again and again: without the guess, each round would settle one payment.
            has_guessed = True
            _guess_declined(batch, changed, declined)
            changed.update(pending.learn_declines(declined).tolist())
        rows = [i for i, event in enumerate(batch.rows.tolist()) if event in changed]
        batch.vectors[rows] = pending.vectors[batch.rows[rows]]
        for row, one in again(set(rows)).items():
            decided[row] = one


def _guess_declined(batch: _Batch, changed: set[int], declined: NDArray[np.bool_]) -> None:
    """Take the later payments of cards that saw a decline as declined too, until they are decided."""
    has_seen: set[str] = set()
    for arrival, event in zip(batch.arrivals, batch.rows.tolist(), strict=True):
        card = arrival.transaction.card_id
        if event in changed:
            has_seen.add(card)
        if card in has_seen:
            declined[event] = True


def _recorded(batch: _Batch, decided: Sequence[Decided], engine: BatchEngine) -> list[RecordedDecision]:
    """`decided_at`: when lists and rules were looked at, so that the decision can be made again as it was."""
    # Of the batch: what one of its payments waited for the engine.
    latency_ms = round((time.perf_counter() - batch.started) * 1000, 3)
    return [
        RecordedDecision(
            transaction_id=arrival.transaction.transaction_id,
            outcome=one.outcome,
            score=one.score,
            anomaly_score=one.anomaly_score,
            reasons=one.reasons,
            rule_hits=one.rule_hits,
            rule_failures=one.rule_failures,
            model_version=version,
            policy_version=engine.policy.version,
            decided_at=engine.at,
            latency_ms=latency_ms,
            degraded=batch.degraded,
            card_id=arrival.transaction.card_id,
        )
        for arrival, one, version in zip(batch.arrivals, decided, engine.versions(), strict=True)
    ]


def _record(
    batch: _Batch, recorded: Sequence[RecordedDecision], writer: Writer, label_ids: Sequence[int]
) -> int | None:
    """Write what is new; the receipt of its features. Runs inside a transaction."""
    ids = copy_decisions(batch.arrivals, batch.vectors, recorded) if recorded else []
    if ids and writer.has_effects:
        add_effects(ids, recorded)
    if not (ids or label_ids):
        return None
    receipt = remember_features(writer.name, ids, label_ids, is_degraded="features" in batch.degraded)
    if ids and batch.degraded and writer.has_effects:
        remember_degraded(ids, batch.degraded, receipt)
    return receipt


def _write_features(pending: Pending, receipt: int, forget: Sequence[int], writer: Writer, committed: float) -> None:
    try:
        if time.monotonic() - committed > WRITE_WITHIN.total_seconds():
            raise FeatureStoreError("too late: others may have counted it")
        pending.write((str(receipt),), [str(settled) for settled in forget])
    except FeatureStoreError as error:
        if writer.is_patient:
            raise
        # The answer stands: what is recorded was decided. The row stays, and the features with it until they are.
        logger.warning("features of batch %s were not stored yet: %s", receipt, error)
        return
    if writer.settled is not None:
        writer.settled.forget(forget)
        writer.settled.add(receipt)


__all__ = ["Arrival", "ContendedError", "Result", "Writer", "decide_transactions"]
