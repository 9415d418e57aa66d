"""Reads what an explanation is made from: flagged payments as they were decided, and what their cards did before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.decisioning import APPROVE
from scoring.features.definitions import HABIT_SIZE, NAMES, VERSION
from scoring.ml.explanations import HABIT_PAYMENTS
from scoring.models import Decision, Rescoring
from scoring.queries import readable_payment
from scoring.transaction import Transaction

_VECTOR_BYTES = 4 * len(NAMES)
# What came within a day before may be the same attack: an attack is not to become its own habit.
HABIT_UNTIL = timedelta(days=1)
HABIT_SINCE = timedelta(days=31)
# Vectors, and a row without one where a payment that its habit may be made of was in another currency.
_BEFORE = """
SELECT wanted.id, earlier.features
FROM scoring_decision AS wanted CROSS JOIN LATERAL (
  SELECT features FROM scoring_decision AS other
  WHERE other.card_id = wanted.card_id AND other.currency = wanted.currency
    AND other.occurred_at >= wanted.occurred_at - %s AND other.occurred_at < wanted.occurred_at - %s
    AND other.decided_at < wanted.decided_at AND other.feature_version = %s AND length(other.features) = %s
  ORDER BY other.occurred_at DESC, other.id DESC LIMIT %s
) AS earlier
WHERE wanted.id = ANY(%s::bigint[])
UNION ALL
SELECT wanted.id, NULL FROM scoring_decision AS wanted
WHERE wanted.id = ANY(%s::bigint[]) AND EXISTS (
  SELECT FROM (
    SELECT other.currency FROM scoring_decision AS other
    WHERE other.card_id = wanted.card_id AND other.occurred_at <= wanted.occurred_at
      AND other.decided_at <= wanted.decided_at AND other.id <> wanted.id
    ORDER BY other.occurred_at DESC LIMIT %s
  ) AS habit
  WHERE habit.currency <> wanted.currency
)
"""


@dataclass(frozen=True)
class Flagged:
    """A payment as it was flagged: when it was decided, or when it was scored again after it had been let through.

    vector: float32 (features,), None where it cannot be read by this program; then `problem` says why.
    was_let_through: it is flagged by the second look only.
    """

    decision_id: int
    payment: Transaction | None
    vector: NDArray[np.float32] | None
    outcome: str
    score: float | None
    model_version: str
    policy_version: int
    feature_version: str
    at: datetime
    problem: str = ""
    was_let_through: bool = False


def flagged_without_explanation(decision_ids: Sequence[int]) -> list[Flagged]:
    """Those of the decisions that flag a payment and are not explained, in the order of the record."""
    decisions = Decision.objects.filter(id__in=decision_ids, explanation=None).select_related("rescoring")
    return [one for decision in decisions.order_by("id") if (one := _flagged(decision)) is not None]


def _flagged(decision: Decision) -> Flagged | None:
    if decision.outcome != APPROVE:
        return _read(decision, decision, decision.decided_at)
    again: Rescoring | None = getattr(decision, "rescoring", None)
    return None if again is None or again.outcome == APPROVE else _read(decision, again, again.rescored_at)


def _read(decision: Decision, decided: Decision | Rescoring, at: datetime) -> Flagged:
    payment, features, problem = readable_payment(decision), bytes(decided.features), ""
    if payment is None:
        problem = "Its record cannot be read as a payment any more."
    if decided.feature_version != VERSION:
        problem = f"Its vector is of feature table {decided.feature_version}, and this program has {VERSION}."
    elif len(features) != _VECTOR_BYTES:
        problem = f"Its vector has {len(features)} bytes and not {_VECTOR_BYTES}."
    return Flagged(
        decision_id=decision.id,
        payment=payment,
        vector=None if problem else np.frombuffer(features, np.float32),
        outcome=decided.outcome,
        score=decided.score,
        model_version=decided.model_version,
        policy_version=decided.policy_version,
        feature_version=decided.feature_version,
        at=at,
        problem=problem,
        was_let_through=decided is not decision,
    )


@dataclass(frozen=True)
class Habits:
    """What cards did before decisions, by the decision's id, where there is anything.

    vectors: float32 (payments, features). mixed: the card paid in another currency shortly before; its usual amount is
    then of no currency.
    """

    vectors: dict[int, NDArray[np.float32]]
    mixed: set[int]


def habits_before(decision_ids: Sequence[int]) -> Habits:
    """What is usual for each decision's card. One query.

    Vectors in the same currency, more than a day before it and decided before it, at most HABIT_PAYMENTS.
    """
    ids = list(decision_ids)
    limits: list[Any] = [HABIT_SINCE, HABIT_UNTIL, VERSION, _VECTOR_BYTES, HABIT_PAYMENTS, ids, ids, HABIT_SIZE]
    found: dict[int, list[NDArray[np.float32]]] = {}
    mixed = set()
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE, limits)
        for decision_id, features in cursor.fetchall():
            if features is None:
                mixed.add(decision_id)
            else:
                found.setdefault(decision_id, []).append(np.frombuffer(bytes(features), np.float32))
    return Habits({decision_id: np.stack(vectors) for decision_id, vectors in found.items()}, mixed)
