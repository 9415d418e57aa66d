"""Writing a batch of decisions: their rows, what is published of them, and what they cause."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.decisioning import APPROVE
from scoring.features.definitions import VERSION
from scoring.models import Decision, Outbox
from scoring.queries import RecordedDecision
from scoring.services.line_up import shadowed_models
from scoring.services.outbox import add_to_outbox
from scoring.services.policy import shadowed_versions
from scoring.transaction import Transaction, canonical_address, encode

LATE_AFTER = timedelta(minutes=5)

_encoder = msgspec.json.Encoder(decimal_format="string")
_framer = msgspec.msgpack.Encoder()

_COLUMNS = (
    "id", "transaction_id", "occurred_at", "received_at", "decided_at", "amount", "currency", "card_id", "merchant_id",
    "customer_id", "device_id", "ip_address", "merchant_name", "merchant_category", "record", "outcome", "score",
    "reasons", "rule_hits", "rule_failures", "degraded", "is_late", "latency_ms", "features", "feature_version",
    "model_version", "policy_version", "source", "position", "anomaly_score",
)  # fmt: skip
_COPY = f"COPY {Decision._meta.db_table} ({', '.join(_COLUMNS)}) FROM STDIN"
_NEXT_IDS = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A transaction, when it reached us, and where it stands in its source ("api", stream:<topic>/<partition>, ...)."""

    transaction: Transaction
    received_at: datetime
    source: str
    position: str = ""


def copy_decisions(
    arrivals: Sequence[Arrival], vectors: NDArray[np.float32], recorded: Sequence[RecordedDecision]
) -> list[int]:
    """Write rows by COPY (an INSERT of the same rows takes four times as long); their ids.

    Raises:
        IntegrityError: one of them was decided before; nothing is written.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_IDS, [Decision._meta.db_table, len(recorded)])
        ids = [row[0] for row in cursor.fetchall()]
        # Django does not wrap the errors of a COPY by itself.
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            # By name: two batches with the same payments in another order would each wait for a row of the other.
            for i in sorted(range(len(recorded)), key=lambda i: recorded[i].transaction_id):
                copy.write_row((ids[i], *_row(arrivals[i], vectors[i], recorded[i])))
    return ids


def _row(arrival: Arrival, vector: NDArray[np.float32], decision: RecordedDecision) -> tuple[object, ...]:
    sent = arrival.transaction
    return (
        sent.transaction_id, sent.occurred_at, arrival.received_at, decision.decided_at, sent.amount, sent.currency,
        sent.card_id, sent.merchant_id, sent.customer_id or "", sent.device_id or "", sent.ip_address,
        sent.merchant_name or "", sent.merchant_category or "", encode(sent).decode(), decision.outcome, decision.score,
        # Mostly empty, and an empty list costs 2 us to adapt.
        _encoder.encode(decision.reasons).decode() if decision.reasons else "[]", decision.rule_hits or "{}",
        decision.rule_failures or "{}", decision.degraded or "{}",
        sent.occurred_at < arrival.received_at - LATE_AFTER, decision.latency_ms,
        vector.tobytes(), VERSION, decision.model_version, decision.policy_version, arrival.source, arrival.position,
        decision.anomaly_score,
    )  # fmt: skip


def differing_columns(decision: Decision, sent: Transaction) -> list[tuple[str, object, object]]:
    """What is stored of a payment beside its record otherwise than the record says: name, stored, by the record."""
    columns: dict[str, tuple[object, object]] = {
        "transaction": (decision.record, msgspec.json.decode(encode(sent))),
        "is_late": (decision.is_late, sent.occurred_at < decision.received_at - LATE_AFTER),
        # PostgreSQL has ways of its own to write one.
        "ip_address": (_address(decision.ip_address), _address(sent.ip_address)),
    }
    for name in ("transaction_id", "occurred_at", "amount", "currency", "card_id", "merchant_id"):
        columns[name] = (getattr(decision, name), getattr(sent, name))
    for name in ("customer_id", "device_id", "merchant_name", "merchant_category"):
        columns[name] = (getattr(decision, name), getattr(sent, name) or "")
    return [(name, stored, told) for name, (stored, told) in columns.items() if stored != told]


def _address(value: str | None) -> str | None:
    return canonical_address(value) if value else None


def add_effects(ids: Sequence[int], recorded: Sequence[RecordedDecision]) -> None:
    """Leave the decisions for their topic, the flagged ones for the analysts, and all for what is in shadow.

    Must run in their transaction.
    """
    payload = _framer.encode([(decision.card_id, _encoder.encode(decision)) for decision in recorded])
    flagged = [i for i, decision in zip(ids, recorded, strict=True) if decision.outcome != APPROVE]
    add_to_outbox(Outbox.Topic.DECISIONS, ids, payload)
    add_to_outbox(Outbox.Topic.ALERTS, flagged)
    if shadowed_versions():
        add_to_outbox(Outbox.Topic.SHADOW, ids)
    if shadowed_models():
        add_to_outbox(Outbox.Topic.SHADOW_MODELS, ids)
