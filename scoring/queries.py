"""Reads of scoring: decisions as they were recorded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import msgspec
import numpy as np
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup, Q
from django.db.models.sql.compiler import SQLCompiler

from scoring.decisioning import ListHit
from scoring.features.definitions import NAMES, VERSION
from scoring.features.events import Payment
from scoring.ml.explanations import Reason
from scoring.models import Decision, ListEntry
from scoring.transaction import Transaction, canonical_address


@CharField.register_lookup
class EqualsAny(Lookup):
    """`value__any=[...]`: one array parameter where `__in` has one each, 10 us of processor time apiece."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        sql, parameters = self.process_lhs(compiler, connection)
        return f"{sql} = ANY(%s)", [*parameters, list(self.rhs)]


class RecordedDecision(msgspec.Struct, frozen=True, omit_defaults=False):
    """A decision as the outside sees it: REST answers and the `decisions` topic."""

    transaction_id: str
    outcome: str
    score: float | None
    anomaly_score: float | None
    reasons: list[Reason]
    rule_hits: list[str]
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
        model_version=decision.model_version,
        policy_version=decision.policy_version,
        decided_at=decision.decided_at,
        latency_ms=decision.latency_ms,
        degraded=decision.degraded,
        card_id=decision.card_id,
    )


def decisions_of(transaction_ids: Sequence[str]) -> dict[str, Decision]:
    """Stored decisions by transaction id. An id with NUL, which PostgreSQL takes in no text, has none."""
    found = Decision.objects.filter(transaction_id__any=[name for name in transaction_ids if "\x00" not in name])
    return {decision.transaction_id: decision for decision in found}


def transaction_of(decision: Decision) -> Transaction:
    """The payment of a decision, as it was sent."""
    return msgspec.convert(decision.record, Transaction)


def features_of(decision: Decision) -> dict[str, float | None]:
    """The vector a decision was made with, by name; None where it was missing. Empty for another table's version."""
    if decision.feature_version != VERSION:
        return {}
    vector = np.frombuffer(decision.features, np.float32)
    return {name: None if np.isnan(value) else float(value) for name, value in zip(NAMES, vector, strict=True)}


def payments_after(source: str, position: int, *, limit: int) -> Iterator[tuple[int, Payment]]:
    """Recorded payments of a source past a position, in its order."""
    later = Decision.objects.filter(source=source, position__gt=position).order_by("position")[:limit]
    for decision in later:
        yield decision.position or 0, Payment(transaction_of(decision), decision.received_at)


def list_hits(transactions: Sequence[Transaction], *, at: datetime) -> Mapping[int, list[ListHit]]:
    """Row -> unexpired list entries it meets. One query a batch."""
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, transaction in enumerate(transactions):
        for entity, value in _identities(transaction):
            rows_of.setdefault((entity, value), []).append(row)
    entries = ListEntry.objects.filter(_any_of(rows_of), Q(expires_at=None) | Q(expires_at__gt=at))
    hits: dict[int, list[ListHit]] = {}
    for entry in entries.order_by("id"):
        for row in rows_of.get((entry.entity, entry.value), ()):
            hits.setdefault(row, []).append(ListHit(entry.kind, entry.entity, entry.value, entry.reason))
    return hits


def _identities(transaction: Transaction) -> Iterator[tuple[str, str]]:
    yield "card", transaction.card_id
    yield "merchant", transaction.merchant_id
    if transaction.customer_id:
        yield "customer", transaction.customer_id
    if transaction.device_id:
        yield "device", transaction.device_id
    if transaction.ip_address:
        yield "ip", canonical_address(transaction.ip_address)


def _any_of(wanted: Iterable[tuple[str, str]]) -> Q:
    by_entity: dict[str, list[str]] = {}
    for entity, value in wanted:
        by_entity.setdefault(entity, []).append(value)
    return reduce(or_, (Q(entity=entity, value__any=values) for entity, values in by_entity.items()))
