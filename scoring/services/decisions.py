"""Deciding payments for stream, REST and files: one path from transaction to recorded decision."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import numpy as np
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.timezone import now
from numpy.typing import NDArray

from scoring import metrics
from scoring.decisioning import APPROVE, Decided, PolicyInForce, Scorer, decide
from scoring.features.definitions import VERSION
from scoring.features.events import Event, FraudKnown, Payment
from scoring.features.live import FeatureStoreError, Pending, StateStore, request_only_vectors
from scoring.models import Decision, Outbox
from scoring.queries import RecordedDecision, as_recorded, decisions_of, list_hits, payments_after, transaction_of
from scoring.services.models import champion
from scoring.services.outbox import add_to_outbox
from scoring.services.policy import policy_in_force
from scoring.transaction import Transaction, encode

logger = logging.getLogger(__name__)

LATE_AFTER = timedelta(minutes=5)
MAX_RACES = 5
RECOVERY_CHUNK = 500


class ContendedError(OperationalError):
    """Other processes kept deciding the same payments. Nothing was recorded here; try again."""


@dataclass(frozen=True)
class Arrival:
    """A transaction, when it reached us, and where it stands in its source."""

    transaction: Transaction
    received_at: datetime
    position: int | None = None


@dataclass(frozen=True)
class Result:
    """What became of an arrival: a decision, new or recorded before, or a conflict (decision None)."""

    arrival: Arrival
    decision: RecordedDecision | None
    is_new: bool


@dataclass(frozen=True)
class Writer:
    """Who decides: its name in the record, its store, and what it needs written in the decisions' transaction.

    A patient writer (stream, file) fails without the feature store and is run again; the others answer degraded.
    `before_commit` gets the arrivals whose id was decided before with other content.
    """

    source: str
    store: StateStore
    is_patient: bool = True
    has_effects: bool = True
    before_commit: Callable[[list[Arrival]], None] = lambda conflicts: None


@dataclass
class _Batch:
    """New arrivals on their way through the engine."""

    arrivals: list[Arrival]
    vectors: NDArray[np.float32]
    pending: Pending | None
    degraded: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)


def decide_transactions(
    arrivals: Sequence[Arrival], *, writer: Writer, learnt: Sequence[FraudKnown] = ()
) -> list[Result]:
    """Decide and record arrivals in their order, each once; one result each, in order.

    Decisions, their outbox rows and whatever `before_commit` writes are one database transaction; features follow it.
    `learnt`: frauds that became known, applied in time order between the payments.

    Raises:
        FeatureStoreError: a patient writer's store failed. Decisions may be recorded; `recover_features` mends it.
        OperationalError: the database failed; nothing was recorded.
    """
    for _ in range(MAX_RACES):
        try:
            return _decide_once(arrivals, writer, learnt)
        except IntegrityError:
            # Another process recorded one of these between our look and our write: look again.
            logger.info("a transaction was decided elsewhere meanwhile; looking again")
    raise ContendedError(f"transactions kept being decided elsewhere during {MAX_RACES} attempts")


def _decide_once(arrivals: Sequence[Arrival], writer: Writer, learnt: Sequence[FraudKnown]) -> list[Result]:
    stored = decisions_of([arrival.transaction.transaction_id for arrival in arrivals])
    new: dict[str, Arrival] = {}
    for arrival in arrivals:
        if arrival.transaction.transaction_id not in stored:
            new.setdefault(arrival.transaction.transaction_id, arrival)
    made: dict[str, RecordedDecision] = {}
    batch = _with_features(list(new.values()), writer, learnt)
    with transaction.atomic():
        if new:
            made = _decide_new(batch, writer)
        writer.before_commit([arrival for arrival in arrivals if _first(arrival, stored, new) != arrival.transaction])
    metrics.observe(list(made.values()), source=writer.source.partition(":")[0])
    _write_features(batch, writer)
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


def _with_features(arrivals: list[Arrival], writer: Writer, learnt: Sequence[FraudKnown]) -> _Batch:
    started = time.perf_counter()
    events = merge_events(arrivals, learnt)
    try:
        pending = Pending(writer.store, events)
    except FeatureStoreError as error:
        if writer.is_patient:
            raise
        logger.warning("deciding without features: %s", error)
        return _Batch(arrivals, request_only_vectors(events), None, ["features"], started)
    rows = [i for i, event in enumerate(events) if isinstance(event, Payment)]
    return _Batch(arrivals, pending.vectors[rows], pending, started=started)


def merge_events(arrivals: Sequence[Arrival], learnt: Sequence[FraudKnown]) -> list[Event]:
    """Payments in the log's order, each label before the first payment that could know of it."""
    labels = sorted(learnt, key=lambda label: label.known_at)
    events: list[Event] = []
    taken = 0
    for arrival in arrivals:
        while taken < len(labels) and labels[taken].known_at <= arrival.transaction.occurred_at:
            events.append(labels[taken])
            taken += 1
        events.append(Payment(arrival.transaction, arrival.received_at))
    events.extend(labels[taken:])
    return events


def _decide_new(batch: _Batch, writer: Writer) -> dict[str, RecordedDecision]:
    """Decide and record what is new. Runs inside a transaction."""
    policy, model = policy_in_force(), champion()
    if model is None:
        batch.degraded.append("model")
    transactions = [arrival.transaction for arrival in batch.arrivals]
    decided = decide(transactions, batch.vectors, model=model, policy=policy, listed=list_hits(transactions, at=now()))
    recorded = _recorded(batch, decided, policy, model)
    ids = _copy_decisions(batch, recorded, writer.source)
    if writer.has_effects:
        add_to_outbox(Outbox.Topic.DECISIONS, ids)
        flagged = [i for i, decision in zip(ids, recorded, strict=True) if decision.outcome != APPROVE]
        add_to_outbox(Outbox.Topic.ALERTS, flagged)
    return {decision.transaction_id: decision for decision in recorded}


def _recorded(
    batch: _Batch, decided: Sequence[Decided], policy: PolicyInForce, model: Scorer | None
) -> list[RecordedDecision]:
    decided_at = now()
    # Of the batch: what one of its payments waited for the engine.
    latency_ms = round((time.perf_counter() - batch.started) * 1000, 3)
    return [
        RecordedDecision(
            transaction_id=arrival.transaction.transaction_id,
            outcome=one.outcome,
            score=one.score,
            anomaly_score=None,
            reasons=one.reasons,
            rule_hits=one.rule_hits,
            model_version=model.version if model is not None else "",
            policy_version=policy.version,
            decided_at=decided_at,
            latency_ms=latency_ms,
            degraded=batch.degraded,
            card_id=arrival.transaction.card_id,
        )
        for arrival, one in zip(batch.arrivals, decided, strict=True)
    ]


_COLUMNS = (
    "id", "transaction_id", "occurred_at", "received_at", "decided_at", "amount", "currency", "card_id", "merchant_id",
    "customer_id", "device_id", "ip_address", "merchant_name", "merchant_category", "record", "outcome", "score",
    "reasons", "rule_hits", "degraded", "is_late", "latency_ms", "features", "feature_version", "model_version",
    "policy_version", "source", "position",
)  # fmt: skip


def _copy_decisions(batch: _Batch, recorded: Sequence[RecordedDecision], source: str) -> list[int]:
    """Write rows by COPY (an INSERT of the same rows takes four times as long); their ids."""
    table = Decision._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, len(recorded)]
        )
        ids = [row[0] for row in cursor.fetchall()]
        # Django does not wrap the errors of a COPY by itself.
        with (
            connection.wrap_database_errors,
            cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy,
        ):
            for i, decision in enumerate(recorded):
                copy.write_row((ids[i], *_row(batch.arrivals[i], batch.vectors[i], decision, source)))
    return ids


def _row(arrival: Arrival, vector: NDArray[np.float32], decision: RecordedDecision, source: str) -> tuple[object, ...]:
    sent = arrival.transaction
    return (
        sent.transaction_id, sent.occurred_at, arrival.received_at, decision.decided_at, sent.amount, sent.currency,
        sent.card_id, sent.merchant_id, sent.customer_id or "", sent.device_id or "", sent.ip_address,
        sent.merchant_name or "", sent.merchant_category or "", encode(sent).decode(), decision.outcome, decision.score,
        # Mostly empty, and an empty list costs 2 us to adapt.
        _encode_reasons(decision), decision.rule_hits or "{}", decision.degraded or "{}",
        sent.occurred_at < arrival.received_at - LATE_AFTER, decision.latency_ms, vector.tobytes(), VERSION,
        decision.model_version, decision.policy_version, source, arrival.position,
    )  # fmt: skip


def _encode_reasons(decision: RecordedDecision) -> str:
    return msgspec.json.encode(decision.reasons).decode()


def _write_features(batch: _Batch, writer: Writer) -> None:
    if batch.pending is None:
        return
    positions = [arrival.position for arrival in batch.arrivals if arrival.position is not None]
    try:
        batch.pending.write(mark=f"{writer.source}={max(positions)}" if positions else "")
    except FeatureStoreError as error:
        if writer.is_patient:
            raise
        # The answer stands: what is recorded was decided. The states miss this payment until they are rebuilt.
        logger.warning("features of %s were not stored: %s", batch.arrivals[0].transaction.transaction_id, error)


def recover_features(*, source: str, store: StateStore) -> int:
    """Apply what the record of a source has past its mark: a crash fell between record and features. The number."""
    applied = 0
    while True:
        mark = int(store.mark_of(source) or -1)
        later = list(payments_after(source, mark, limit=RECOVERY_CHUNK))
        if not later:
            return applied
        Pending(store, [payment for _, payment in later]).write(mark=f"{source}={later[-1][0]}")
        applied += len(later)
