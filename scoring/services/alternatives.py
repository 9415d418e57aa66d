"""What would have changed a recorded decision: its payment judged again with other figures, all else as it was."""

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np
from django.db import DatabaseError
from numpy.typing import NDArray

from scoring.decisioning import APPROVE, SEVERITY, PolicyInForce, judge
from scoring.ml.counterfactuals import Alternatives, Judge, OtherOutcomeError, find_counterfactuals
from scoring.ml.figures import figures_of
from scoring.ml.model import Model
from scoring.rules.evaluation import Batch
from scoring.rules.lists import ListHit
from scoring.services.explained_payments import Flagged

logger = logging.getLogger(__name__)

_OTHERWISE = "It could not be decided again as it was, so no other figures were tried."
_FAILED = "Other figures could not be tried."


def alternatives_of(
    flagged: Flagged, *, model: Model | None, policy: PolicyInForce, listed: Sequence[ListHit]
) -> Alternatives:
    """Look for what would have made a payment's outcome milder. listed: entries that it met then.

    Nothing is looked for where the same figures give another outcome today; whatever goes wrong is logged and told.
    """
    vector, payment = flagged.vector, flagged.payment
    if vector is None or payment is None:
        return Alternatives([], [], problem=flagged.problem)
    severity, ask = SEVERITY[flagged.outcome], _judge_of(flagged, model, policy, listed)
    try:
        splits, marks = None if model is None else model.splits, _marks(policy, payment.currency)
        figures = figures_of(vector, payment.amount, currency=payment.currency, splits=splits, marks=marks)
        told = find_counterfactuals(
            figures, vector, payment.amount, severity=severity, currency=payment.currency, judge=ask
        )
        # What was let through was never declined: of it only what would have passed is true.
        return _passing(told) if flagged.was_let_through else told
    except DatabaseError:
        raise
    except OtherOutcomeError:
        logger.warning("decision %s is not decided again as it was: no other figures tried", flagged.decision_id)
        return Alternatives([], [], problem=_OTHERWISE)
    except Exception:
        logger.exception("other figures of decision %s could not be tried", flagged.decision_id)
        return Alternatives([], [], problem=_FAILED)


def _passing(told: Alternatives) -> Alternatives:
    return msgspec.structs.replace(told, found=[one for one in told.found if one.outcome == APPROVE])


def _judge_of(flagged: Flagged, model: Model | None, policy: PolicyInForce, listed: Sequence[ListHit]) -> Judge:
    payment = flagged.payment
    assert payment is not None
    # It takes a tenth of the search, and few policies read it.
    asks_anomaly = any("anomaly_score" in rule.condition.fields for rule in policy.rules)

    def severities(vectors: NDArray[np.float32], amounts: Sequence[Decimal]) -> NDArray[np.int64]:
        payments = [
            payment if amount == payment.amount else msgspec.structs.replace(payment, amount=amount)
            for amount in amounts
        ]
        met = dict.fromkeys(range(len(payments)), listed) if listed else {}
        scores = None if model is None else model.score(vectors)
        anomalies = model.anomalies(vectors) if model is not None and asks_anomaly else None
        times = [flagged.at] * len(payments)
        return judge(Batch(payments, vectors, scores, listed=met, at=times, anomalies=anomalies), policy).severities

    return severities


def _marks(policy: PolicyInForce, currency: str) -> Mapping[str, list[float]]:
    """Figure -> where the policy may say something else: numbers of rules that read it, edges of bands."""
    marks: dict[str, list[float]] = {}
    for rule in policy.rules:
        for field in rule.condition.fields:
            marks.setdefault(field, []).extend(rule.condition.numbers)
    edges = [float(band.from_amount) for band in policy.bands if band.currency == currency]
    marks.setdefault("amount", []).extend(edges)
    return marks
