"""Recorded decisions as the engine took them, for what is asked about them afterwards without effect."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import numpy as np
from django.db import connection
from numpy.typing import NDArray

from scoring.features.definitions import NAMES, VERSION
from scoring.rules.evaluation import Batch
from scoring.services.list_history import ListHistory
from scoring.services.outbox import array_of
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

_VECTOR_BYTES = 4 * len(NAMES)
_DECIDED = """
SELECT id, outcome, score, anomaly_score, decided_at, policy_version, currency, amount, record::text, features,
  feature_version
FROM scoring_decision WHERE id = ANY(%s::bigint[]) ORDER BY id
"""
_decoder = msgspec.json.Decoder(Transaction)


class RecordedPayment(msgspec.Struct, frozen=True):
    """A decision as it is recorded. `vector`: float32 of the present table."""

    id: int
    outcome: str
    score: float | None
    anomaly_score: float | None
    decided_at: datetime
    policy_version: int
    transaction: Transaction
    vector: bytes

    @property
    def day(self) -> date:
        return self.decided_at.astimezone(UTC).date()


class Unreadable(msgspec.Struct, frozen=True):
    """What is known of a decision of another release, or one that was changed by hand."""

    id: int
    outcome: str
    decided_at: datetime
    currency: str
    amount: Decimal

    @property
    def day(self) -> date:
        return self.decided_at.astimezone(UTC).date()


@dataclass
class RecordedPayments:
    """Some recorded decisions, and those that cannot be read."""

    decided: list[RecordedPayment] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    def vectors(self) -> NDArray[np.float32]:
        """Float32 (payments, features)."""
        return np.frombuffer(b"".join(one.vector for one in self.decided), np.float32).reshape(-1, len(NAMES))

    def batch(self) -> Batch:
        """As the engine takes them: with the vectors and scores of then, and the lists as they stood."""
        payments = [one.transaction for one in self.decided]
        history = ListHistory(payments)
        listed = {row: met for row, one in enumerate(self.decided)
                  if (met := history.hits(one.transaction, at=one.decided_at))}  # fmt: skip
        # None becomes NaN.
        scores = np.array([one.score for one in self.decided], np.float64)
        anomalies = np.array([one.anomaly_score for one in self.decided], np.float64)
        at = [one.decided_at for one in self.decided]
        return Batch(payments, self.vectors(), scores, listed=listed, at=at, anomalies=anomalies)


def recorded_payments(decision_ids: Sequence[int]) -> RecordedPayments:
    """Read decisions, those that can be read and those that cannot."""
    found = RecordedPayments()
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED, [array_of(decision_ids)])
        rows = cursor.fetchall()
    for number, outcome, score, strange, at, policy, currency, amount, record, vector, feature_version in rows:
        payment = _payment(record) if (feature_version, len(vector)) == (VERSION, _VECTOR_BYTES) else None
        if payment is None:
            found.unreadable.append(Unreadable(number, outcome, at, currency, amount))
        else:
            found.decided.append(RecordedPayment(number, outcome, score, strange, at, policy, payment, bytes(vector)))
    if found.unreadable:
        logger.warning("decisions %s cannot be judged in shadow", [one.id for one in found.unreadable])
    return found


def _payment(record: str) -> Transaction | None:
    try:
        return _decoder.decode(record)
    except msgspec.MsgspecError:
        return None
