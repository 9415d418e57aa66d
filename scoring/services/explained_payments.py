"""Reads what an explanation is made from: flagged payments as they were decided, and what their cards did before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.features.definitions import HABIT_SIZE, NAMES, VERSION
from scoring.ml.explanations import HABIT_PAYMENTS
from scoring.queries import readable_record
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


# What flagged a payment: its decision, else the second look at what had been let through.
_FLAGGED = """
SELECT decision.transaction_id, decision.record::text, decided.* FROM scoring_decision AS decision
LEFT JOIN scoring_rescoring AS again ON again.decision_id = decision.id
CROSS JOIN LATERAL (
  SELECT decision.features, decision.id, decision.outcome, decision.score, decision.model_version,
    decision.policy_version, decision.feature_version, decision.decided_at, false
  WHERE decision.outcome <> 'approve'
  UNION ALL
  SELECT again.features, decision.id, again.outcome, again.score, again.model_version,
    again.policy_version, again.feature_version, again.rescored_at, true
  WHERE decision.outcome = 'approve' AND again.outcome <> 'approve'
) AS decided
WHERE decision.id = ANY(%s::bigint[])
  AND NOT EXISTS (SELECT FROM scoring_explanation AS known WHERE known.decision_id = decision.id)
ORDER BY decision.id
"""


@dataclass(frozen=True)
class Flagged:
    """A payment as it was flagged: when it was decided, or when it was scored again after it had been let through.

    vector: float32 (features,), None where it cannot be read by this program; then `problem` says why.
    was_let_through: it is flagged by the second look only.
    """

    payment: Transaction | None
    vector: NDArray[np.float32] | None
    decision_id: int
    outcome: str
    score: float | None
    model_version: str
    policy_version: int
    feature_version: str
    at: datetime
    was_let_through: bool
    problem: str = ""


def flagged_without_explanation(decision_ids: Sequence[int]) -> list[Flagged]:
    """Those of the decisions that flag a payment and are not explained, in the order of the record. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_FLAGGED, [list(decision_ids)])
        return [_read(*row) for row in cursor.fetchall()]


def _read(transaction_id: str, record: str, features: bytes, *decided: Any) -> Flagged:
    flagged = Flagged(readable_record(record, transaction_id), None, *decided)
    problem = ""
    if flagged.payment is None:
        problem = "Its record cannot be read as a payment any more."
    if flagged.feature_version != VERSION:
        problem = f"Its vector is of feature table {flagged.feature_version}, and this program has {VERSION}."
    elif len(features) != _VECTOR_BYTES:
        problem = f"Its vector has {len(features)} bytes and not {_VECTOR_BYTES}."
    return replace(flagged, vector=None if problem else np.frombuffer(bytes(features), np.float32), problem=problem)


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
