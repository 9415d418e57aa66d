"""Embedding what was flagged and what was fraud, off the way of a payment: each once by the champion of the time."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction

from scoring.features.definitions import NAMES, VERSION
from scoring.ml.anomaly import Floats
from scoring.ml.model import Model
from scoring.models import EmbeddingProgress, Label, PaymentEmbedding
from scoring.queries_similar import EVER, standing_label, vector_text
from scoring.services.models import champion

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
# Of labels, in one step.
PAGES_AT_ONCE = 10
# Flagged payments that are older tell little of today's fraud; confirmed frauds are kept of any age.
LOOK_BACK = timedelta(days=180)
# A label gets its number before its transaction ends: one this young may have others before it that appear yet.
LABELS_SETTLE = timedelta(minutes=5)
# A payment is flagged a moment after it occurred, or later where it came late.
FLAGGED_SETTLE = timedelta(hours=1)
# Nearest frauds that the similarity is of, the nearest weighing most: one alone may be a wrong label.
NEAREST = 5
_VECTOR_BYTES = 4 * len(NAMES)

# With the vector that flagged it: of what was let through without its features, that of scoring it again.
_VECTORS = f"""
SELECT decision.id, decision.card_id, COALESCE(again.features, decision.features), standing.label
FROM scoring_decision AS decision
LEFT JOIN scoring_rescoring AS again ON again.decision_id = decision.id AND NOT 'features' = ANY(again.missing)
LEFT JOIN LATERAL ({standing_label("decision.id")}) AS standing ON true
LEFT JOIN scoring_paymentembedding AS known ON known.decision_id = decision.id
WHERE decision.id = ANY(%(ids)s)
  AND (decision.outcome <> 'approve' OR again.outcome <> 'approve' OR standing.label = 'fraud')
  AND known.model_version IS DISTINCT FROM %(model)s
  AND (again.features IS NOT NULL OR NOT 'features' = ANY(decision.degraded))
  AND COALESCE(again.feature_version, decision.feature_version) = %(version)s
  AND length(COALESCE(again.features, decision.features)) = %(bytes)s
ORDER BY decision.id
"""  # noqa: S608 - expressions of our own
# One question a payment, answered by the index; the nearest weighs 1, the next 1/2, then 1/3.
_SIMILARITY = """
SET LOCAL hnsw.iterative_scan = strict_order;
SELECT given.id, sum(near.similarity / near.rank) / sum(1.0 / near.rank)
FROM unnest(%(ids)s::bigint[], %(cards)s::text[], %(embeddings)s::text[]) AS given (id, card_id, embedding)
CROSS JOIN LATERAL (
  SELECT greatest(0.0, least(1.0, 1.0 - distance)) AS similarity, row_number() OVER (ORDER BY distance) AS rank
  FROM (
    SELECT fraud.embedding <=> given.embedding::vector AS distance FROM scoring_paymentembedding AS fraud
    WHERE fraud.label = 'fraud' AND fraud.model_version = %(model)s AND fraud.card_id <> given.card_id
    ORDER BY fraud.embedding <=> given.embedding::vector LIMIT %(nearest)s
  ) AS nearest
) AS near GROUP BY given.id
"""
_KEEP = """
INSERT INTO scoring_paymentembedding AS known
  (decision_id, model_version, card_id, embedding, label, fraud_similarity, computed_at)
SELECT given.id, %(model)s, given.card_id, given.embedding::vector, given.label, given.similarity, %(at)s
FROM unnest(%(ids)s::bigint[], %(cards)s::text[], %(embeddings)s::text[], %(labels)s::text[],
  %(similarities)s::float8[]) AS given (id, card_id, embedding, label, similarity)
ON CONFLICT (decision_id) DO UPDATE SET model_version = EXCLUDED.model_version, embedding = EXCLUDED.embedding,
  label = EXCLUDED.label, fraud_similarity = EXCLUDED.fraud_similarity, computed_at = EXCLUDED.computed_at
WHERE known.model_version <> EXCLUDED.model_version
"""
_FOLLOW_LABELS = f"""
UPDATE scoring_paymentembedding AS known SET label = COALESCE(({standing_label("known.decision_id")}), '')
WHERE known.decision_id = ANY(%(ids)s) AND known.label <> COALESCE(({standing_label("known.decision_id")}), '')
"""  # noqa: S608 - expressions of our own
_MISSING = """
SELECT decision.id, decision.occurred_at FROM scoring_decision AS decision
LEFT JOIN scoring_paymentembedding AS known ON known.decision_id = decision.id
WHERE decision.outcome IN ('review', 'decline') AND decision.occurred_at >= %(since)s AND known.decision_id IS NULL
  AND decision.feature_version = %(version)s AND length(decision.features) = %(bytes)s
  AND NOT 'features' = ANY(decision.degraded)
ORDER BY decision.occurred_at LIMIT %(rows)s
"""


@dataclass(frozen=True)
class _Placed:
    """Payments and where they lie. embeddings: float32 (payments, 8)."""

    ids: list[int]
    cards: list[str]
    labels: list[str]
    embeddings: Floats


@transaction.atomic
def embed_payments(decision_ids: Sequence[int], *, at: datetime) -> int:
    """Embed those of the payments that are flagged, or confirmed frauds, by the champion; how many were new to it.

    Twice changes nothing. None where the champion has no autoencoder, of payments whose features were not at hand or
    are another table's, and of ordinary ones: they lie in no direction from the ordinary.
    """
    model = champion()
    return 0 if model is None or model.anomaly is None else _embed(decision_ids, model, at=at)


def _embed(decision_ids: Sequence[int], model: Model, *, at: datetime) -> int:
    placed = _placed(decision_ids, model)
    if not placed.ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, {
            "model": model.version, "ids": placed.ids, "cards": placed.cards, "labels": placed.labels, "at": at,
            "embeddings": _texts(placed), "similarities": _similarities(placed, model.version),
        })  # fmt: skip
        return int(cursor.rowcount)


def _placed(decision_ids: Sequence[int], model: Model) -> _Placed:
    assert model.anomaly is not None
    asked: dict[str, Any] = {
        "ids": list(decision_ids), "model": model.version, "version": VERSION, "bytes": _VECTOR_BYTES, "before": EVER,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_VECTORS, asked)
        rows = cursor.fetchall()
    vectors = np.frombuffer(b"".join(bytes(row[2]) for row in rows), np.float32).reshape(len(rows), len(NAMES))
    embeddings = model.anomaly.embed(vectors)
    kept = np.flatnonzero(embeddings.any(axis=1)).tolist()
    return _Placed(
        ids=[rows[i][0] for i in kept], cards=[rows[i][1] for i in kept], labels=[rows[i][3] or "" for i in kept],
        embeddings=embeddings[kept],
    )  # fmt: skip


def _similarities(placed: _Placed, model_version: str) -> list[float | None]:
    """Of each to the nearest confirmed frauds of other cards; None while there are none."""
    asked: dict[str, Any] = {
        "ids": placed.ids, "cards": placed.cards, "embeddings": _texts(placed), "model": model_version,
        "nearest": NEAREST,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SIMILARITY, asked)
        cursor.nextset()
        found: dict[int, float] = dict(cursor.fetchall())
    return [None if one not in found else float(found[one]) for one in placed.ids]


def _texts(placed: _Placed) -> list[str]:
    return [vector_text(row) for row in placed.embeddings]


def embed_flagged(decision_ids: Sequence[int], *, at: datetime) -> None:
    """Embed payments that were just flagged, before their cases are opened. Never fails but with the database.

    A fault here must not keep a case from the desk: it is logged, and `catch_up` embeds them later.
    """
    try:
        embed_payments(decision_ids, at=at)
    except Exception:
        logger.exception("%s flagged payments were not embedded yet", len(decision_ids))


@transaction.atomic
def catch_up(*, at: datetime) -> int:
    """Follow the ledger, embed again what another model embedded, and what is missing; how much it did.

    A bounded step: call it again until it is 0. One process at a time is at it, another one returns 0. Safe to run
    twice.
    """
    EmbeddingProgress.objects.get_or_create(id=1)
    progress = EmbeddingProgress.objects.select_for_update(skip_locked=True).filter(id=1).first()
    if progress is None:
        return 0
    model = champion()
    if model is not None and model.anomaly is None:
        model = None
    done = _follow_labels(progress, model, at=at)
    if model is not None:
        done += _embed_again(model, at=at) + _embed_missing(progress, model, at=at)
    progress.save()
    return done


def _follow_labels(progress: EmbeddingProgress, model: Model | None, *, at: datetime) -> int:
    """Take in the next labels. Young ones are looked at again each time, which changes nothing."""
    done, after, is_settled = 0, progress.label_id, True
    for _ in range(PAGES_AT_ONCE):
        said = list(Label.objects.filter(id__gt=after).order_by("id")[:ROWS_AT_ONCE])
        if not said:
            break
        after = said[-1].id
        done += _follow([label.decision_id for label in said], model, at=at)
        for label in said:
            is_settled = is_settled and label.created_at < at - LABELS_SETTLE
            if is_settled:
                progress.label_id = label.id
                done += 1
    return done


def _follow(decision_ids: Sequence[int], model: Model | None, *, at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW_LABELS, {"ids": list(decision_ids), "before": EVER})
        changed = int(cursor.rowcount)
    return changed + (0 if model is None else _embed(decision_ids, model, at=at))


def _embed_again(model: Model, *, at: datetime) -> int:
    """Rows of other models, the confirmed ones first; one that cannot be embedded any more goes."""
    old = PaymentEmbedding.objects.exclude(model_version=model.version)
    ids = list(old.order_by("-label", "-decision_id").values_list("decision_id", flat=True)[:ROWS_AT_ONCE])
    if ids:
        _embed(ids, model, at=at)
        old.filter(decision_id__in=ids).delete()
    return len(ids)


def _embed_missing(progress: EmbeddingProgress, model: Model, *, at: datetime) -> int:
    """Flagged payments without a row: from before there was a model for it, or whose relay failed."""
    since = progress.flagged_until or at - LOOK_BACK
    asked: dict[str, Any] = {"since": since, "version": VERSION, "bytes": _VECTOR_BYTES, "rows": ROWS_AT_ONCE}
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, asked)
        rows = cursor.fetchall()
    embedded = _embed([row[0] for row in rows], model, at=at)
    if len(rows) < ROWS_AT_ONCE:
        progress.flagged_until = at - FLAGGED_SETTLE
        return embedded
    progress.flagged_until = rows[-1][1]
    return len(rows)
