"""Confirmed payments that resemble the payment of a case, and how similar it is to frauds."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection

from cases.models import Case
from cases.queries.queues import Desk
from cases.sight import Sight
from scoring.features.definitions import NAMES, VERSION
from scoring.ml.anomaly import Anomaly
from scoring.ml.model import ModelRefusedError
from scoring.ml.resemblance import resemblances
from scoring.models import Decision, Label, ModelVersion, PaymentEmbedding
from scoring.queries_similar import EVER, standing_label, vector_text
from scoring.services.models import load_model

MAX_SIMILAR = 5
# A cosine below this is no likeness: of embeddings without anything in common one in twenty reaches it.
LEAST_SIMILARITY = 0.6
# Nearest of each kind that are looked at: some are of one card, or said to be something else by now.
_LOOKED_AT = 40
_VECTOR_BYTES = 4 * len(NAMES)

_NEAREST = """
(SELECT decision_id, 1.0 - (embedding <=> %(embedding)s::vector) AS similarity FROM scoring_paymentembedding
 WHERE label = '{label}' AND model_version = %(model)s AND decision_id <> %(decision)s
 ORDER BY embedding <=> %(embedding)s::vector LIMIT %(most)s)
"""
# The case of a payment is told to who sees its queue.
_SIMILAR = f"""
SET LOCAL hnsw.iterative_scan = strict_order;
SELECT near.similarity, standing.label, decision.card_id, decision.amount, decision.currency, decision.occurred_at,
  decision.merchant_id, decision.merchant_name, decision.features, decision.feature_version, held.id
FROM ({" UNION ALL ".join(_NEAREST.format(label=label) for label in ("fraud", "legitimate"))}) AS near
JOIN scoring_decision AS decision ON decision.id = near.decision_id
JOIN LATERAL ({standing_label("decision.id")}) AS standing ON true
LEFT JOIN cases_alert AS alert ON alert.decision_id = decision.id
LEFT JOIN cases_case AS held ON held.id = alert.case_id
  AND (%(sees_all)s OR held.queue_id IS NULL OR held.queue_id = ANY(%(seen)s))
WHERE near.similarity >= %(least)s AND alert.case_id IS DISTINCT FROM %(case)s
  AND (alert.case_id IS NULL OR alert.case_id <> ALL(%(blind)s::uuid[]))
ORDER BY decision.card_id = %(card)s, near.similarity DESC, decision.id
"""  # noqa: S608 - expressions of our own


@dataclass(frozen=True)
class SimilarPayment:
    """A confirmed payment. similarity: cosine, 0-1. alike: sentences about it that hold for the case's payment too."""

    card_id: str
    amount: Decimal
    currency: str
    occurred_at: datetime
    merchant_id: str
    merchant_name: str
    label: str
    similarity: float
    alike: list[str]
    case_id: UUID | None


@dataclass(frozen=True)
class Similar:
    """The nearest confirmed payments, other cards first. fraud_similarity: 0-1, to frauds known when it was flagged."""

    payments: list[SimilarPayment]
    fraud_similarity: float | None

    @property
    def frauds(self) -> list[SimilarPayment]:
        return [one for one in self.payments if one.label == Label.Value.FRAUD]

    @property
    def legitimate(self) -> list[SimilarPayment]:
        return [one for one in self.payments if one.label == Label.Value.LEGITIMATE]


def similar_to(
    case: Case, headline: Decision, *, desk: Desk, sight: Sight, as_of: datetime | None = None
) -> Similar | None:
    """At most five, of each card one, by the embeddings of one model. Two queries.

    None where the payment has no embedding. A case that the viewer reviews blind is left out. With `as_of`: with what
    was confirmed before that moment. Not for who is not to see the score yet: the model says it here too.
    """
    own = PaymentEmbedding.objects.filter(decision_id=headline.id).first()
    if own is None:
        return None
    found: dict[str, list[Any]] = {}
    for row in _rows(case, own, desk=desk, sight=sight, before=as_of or EVER):
        found.setdefault(row[2], row)
    nearest = list(found.values())[:MAX_SIMILAR]
    is_known = as_of is None or own.computed_at < as_of
    return Similar(
        payments=[_payment(row, headline, own.model_version) for row in nearest],
        fraud_similarity=own.fraud_similarity if is_known else None,
    )


def _rows(case: Case, own: PaymentEmbedding, *, desk: Desk, sight: Sight, before: datetime) -> list[Any]:
    asked: dict[str, Any] = {
        "embedding": vector_text(own.embedding), "model": own.model_version, "decision": own.decision_id,
        "card": own.card_id, "case": case.id, "most": _LOOKED_AT, "least": LEAST_SIMILARITY, "before": before,
        "sees_all": desk.sees_all, "seen": list(desk.seen), "blind": list(sight.blind),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SIMILAR, asked)
        cursor.nextset()
        rows: list[Any] = cursor.fetchall()
        return rows


def _payment(row: list[Any], headline: Decision, model_version: str) -> SimilarPayment:
    similarity, label, card_id, amount, currency, occurred_at, merchant, name, vector, version, case_id = row
    return SimilarPayment(
        card_id=card_id,
        amount=amount,
        currency=currency,
        occurred_at=occurred_at,
        merchant_id=merchant,
        merchant_name=name,
        label=label,
        similarity=min(float(similarity), 1.0),
        alike=_alike(headline, bytes(vector), version, model_version, currency),
        case_id=case_id,
    )


def _alike(headline: Decision, vector: bytes, version: str, model_version: str, currency: str) -> list[str]:
    """Empty where one of the vectors is another table's, or the model is not kept any more."""
    ours = bytes(headline.features)
    if {version, headline.feature_version} != {VERSION} or {len(ours), len(vector)} != {_VECTOR_BYTES}:
        return []
    anomaly = _anomaly(model_version)
    if anomaly is None:
        return []
    return resemblances(anomaly, np.frombuffer(ours, np.float32), np.frombuffer(vector, np.float32), currency=currency)


@lru_cache(maxsize=4)
def _anomaly(model_version: str) -> Anomaly | None:
    """A stored model never changes."""
    row = ModelVersion.objects.filter(version=model_version).first()
    try:
        return load_model(row).anomaly if row is not None else None
    except ModelRefusedError:
        # What processes that score make of it is in their log.
        return None
