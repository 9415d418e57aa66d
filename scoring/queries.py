"""Reads of scoring: decisions as they were recorded."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler
from numpy.typing import NDArray

from scoring.features.definitions import NAMES, VERSION
from scoring.features.events import Payment
from scoring.ml.explanations import Reason
from scoring.models import Decision, Rescoring
from scoring.rules.evaluation import Batch, CompiledRule, ask_rules
from scoring.rules.language import Condition
from scoring.services.list_history import ListHistory
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)


@CharField.register_lookup
class EqualsAny(Lookup):
    """`value__any=[...]`: one array parameter where `__in` has one each, 10 us of processor time apiece."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        sql, parameters = self.process_lhs(compiler, connection)
        return f"{sql} = ANY(%s)", [*parameters, list(self.rhs)]


class RecordedDecision(msgspec.Struct, frozen=True, omit_defaults=False, gc=False):
    """A decision as the outside sees it: REST answers and the `decisions` topic."""

    transaction_id: str
    outcome: str
    score: float | None
    anomaly_score: float | None
    reasons: list[Reason]
    rule_hits: list[str]
    rule_failures: list[str]
    model_version: str
    policy_version: int
    decided_at: datetime
    latency_ms: float
    degraded: list[str]
    card_id: str


def as_recorded(decision: Decision) -> RecordedDecision:
    """A stored row in the outside's shape."""
    return RecordedDecision(
        transaction_id=decision.transaction_id,
        outcome=decision.outcome,
        score=decision.score,
        anomaly_score=decision.anomaly_score,
        reasons=msgspec.convert(decision.reasons, list[Reason]),
        rule_hits=decision.rule_hits,
        rule_failures=decision.rule_failures,
        model_version=decision.model_version,
        policy_version=decision.policy_version,
        decided_at=decision.decided_at,
        latency_ms=decision.latency_ms,
        degraded=decision.degraded,
        card_id=decision.card_id,
    )


_STORED = "SELECT id FROM scoring_decision WHERE transaction_id = ANY(%s)"


def decisions_of(transaction_ids: Sequence[str]) -> dict[str, Decision]:
    """Stored decisions by transaction id. An id with NUL, which PostgreSQL takes in no text, has none."""
    # Mostly none: the ids are looked for without the model's thirty columns, which take longer than the index.
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [[name for name in transaction_ids if "\x00" not in name]])
        known = [row[0] for row in cursor.fetchall()]
    found = Decision.objects.filter(id__in=known) if known else ()
    return {decision.transaction_id: decision for decision in found}


def transaction_of(decision: Decision) -> Transaction:
    """The payment of a decision, as it was sent."""
    return msgspec.convert(decision.record, Transaction)


def features_of(decision: Decision | Rescoring) -> dict[str, float | None]:
    """The vector a decision was made with, by name; None where it was missing. Empty for another table's version."""
    if decision.feature_version != VERSION:
        return {}
    vector = np.frombuffer(decision.features, np.float32)
    return {name: None if np.isnan(value) else float(value) for name, value in zip(NAMES, vector, strict=True)}


def rescoring_detail(decision: Decision) -> dict[str, Any] | None:
    """What scoring the decision again found, in the outside's shape; None where it was not scored again."""
    found = Rescoring.objects.filter(decision=decision).first() if decision.degraded else None
    if found is None:
        return None
    names = (
        "rescored_at", "outcome", "score", "anomaly_score", "reasons", "rule_hits", "missing", "model_version",
        "policy_version", "feature_version",
    )  # fmt: skip
    return {**{name: getattr(found, name) for name in names}, "features": features_of(found)}


def hits_on_record(conditions: Sequence[Condition], decisions: Sequence[Decision]) -> NDArray[np.bool_]:
    """What each condition says of each recorded decision, bool (decisions, conditions).

    A missing value hits nothing; the features of another table's version are all missing. A record that cannot be read
    as a payment any more hits nothing, a condition that cannot be computed hits nothing; both are logged.
    """
    hits = np.zeros((len(decisions), len(conditions)), bool)
    if not conditions:
        return hits
    payments = {row: payment for row, decision in enumerate(decisions) if (payment := readable_payment(decision))}
    read = [decisions[row] for row in payments]
    vectors = _vectors(read)
    # None becomes NaN.
    scores = np.array([decision.score for decision in read], np.float64)
    anomalies = np.array([decision.anomaly_score for decision in read], np.float64)
    sent, at = list(payments.values()), [decisions[row].decided_at for row in payments]
    listed = ListHistory(sent).listed(sent, at) if any(one.lists for one in conditions) else {}
    batch = Batch(sent, vectors, scores, listed=listed, at=at, anomalies=anomalies)
    rules = [CompiledRule(", ".join(sorted(one.fields)), one, "", "") for one in conditions]
    hits[list(payments)] = ask_rules(rules, batch).hits
    return hits


def _vectors(decisions: Sequence[Decision]) -> NDArray[np.float32]:
    """Features (decisions, features) as recorded, NaN where they are missing."""
    vectors = np.full((len(decisions), len(NAMES)), np.nan, np.float32)
    for row, decision in enumerate(decisions):
        if decision.feature_version == VERSION:
            vectors[row] = np.frombuffer(decision.features, np.float32)
    return vectors


def readable_payment(decision: Decision) -> Transaction | None:
    """The payment of a decision; None where its record is none any more, which is logged."""
    return _readable(lambda: transaction_of(decision), decision.transaction_id)


def readable_record(record: str, transaction_id: str) -> Transaction | None:
    """The same of a record as JSON."""
    return _readable(lambda: _decoder.decode(record), transaction_id)


def _readable(read: Callable[[], Transaction], transaction_id: str) -> Transaction | None:
    try:
        return read()
    except msgspec.ValidationError as error:
        logger.warning("The record of %s cannot be read as a payment: %s", transaction_id, error)
        return None


_PAYMENT = "SELECT id, record::text, received_at, outcome = 'decline' FROM scoring_decision"
_decoder = msgspec.json.Decoder(Transaction)


def payments_between(first: int, last: int) -> list[tuple[int, Payment]]:
    """Recorded payments by their decisions' ids, both included, with these, in the order of the record."""
    return _payments(f"{_PAYMENT} WHERE id BETWEEN %s AND %s ORDER BY id", [first, last])


def payments_of(decision_ids: Sequence[int]) -> list[Payment]:
    """Recorded payments of these decisions, in the order of the record."""
    return [payment for _, payment in _payments(f"{_PAYMENT} WHERE id = ANY(%s) ORDER BY id", [list(decision_ids)])]


def _payments(query: str, parameters: list[Any]) -> list[tuple[int, Payment]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [
            (decision_id, Payment(_decoder.decode(record), received_at, is_declined))
            for decision_id, record, received_at, is_declined in cursor.fetchall()
        ]


def instant(column: str) -> str:
    """SQL of a time as `columns_of` reads it: microseconds since 1970."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


# SQL of `offline.PAYMENTS`, from the table of decisions.
PAYMENT_COLUMNS = f"""
{instant("occurred_at")}, {instant("received_at")}, amount, card_id, customer_id, merchant_id, device_id,
record->>'ip_address', record->>'merchant_country', record->>'card_country', record->>'billing_country',
record->>'channel', record->>'latitude', record->>'longitude', (outcome = 'decline')::text
"""


def columns_of(query: str, parameters: Mapping[str, Any], schema: pl.Schema) -> pl.DataFrame:
    """What a SELECT gives, as columns without a Python object a value; empty texts are null.

    Its columns are those of `schema`, in this order: times as `instant` has them, truths as 'true' and 'false'.
    """
    copied = f"COPY ({query}) TO STDOUT (FORMAT csv)"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(copied, parameters) as copy:
        lines = b"".join(copy)
    plain = {name: pl.Int64() if isinstance(kind, pl.Datetime) else kind for name, kind in schema.items()}
    return pl.read_csv(lines, has_header=False, schema=plain, raise_if_empty=False).cast(schema)
