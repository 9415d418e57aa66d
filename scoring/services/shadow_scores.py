"""Models in shadow: how each would have scored the payments that are decided, and what had come of it. No effect."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

import numpy as np
from django.db import DatabaseError, connection
from numpy.typing import NDArray

from scoring.decisioning import APPROVE, PolicyInForce, judge
from scoring.ml.line_up import is_drawn
from scoring.ml.model import Model
from scoring.models import ModelVersion, Policy, ShadowScore
from scoring.rules.evaluation import Batch
from scoring.services.line_up import load_model
from scoring.services.model_guards import MAX_IN_SHADOW
from scoring.services.policy import compile_policy
from scoring.services.shadow_payments import RecordedPayment, RecordedPayments, recorded_payments

logger = logging.getLogger(__name__)

PAYMENTS_AT_ONCE = 500
# Of a model, the newest. With 1 % flagged and the sample it is some days of ten payments a second.
SCORES_KEPT = 200_000
# Of the cards, the same for all models: whole cards, for payments of one card are no independent witnesses.
SAMPLED_CARDS = 0.02
_SAMPLE = "shadow scores"
# Stands where an outcome would: payments that the model could not be asked about.
NOT_SCORED = ""

# A day, currency, outcome and the outcome with the model.
_Cell = tuple[date, str, str, str]
_ADD_FIGURES = """
INSERT INTO scoring_shadowmodelfigures AS known (model_id, day, currency, outcome, shadow_outcome, payments, amount)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (model_id, day, currency, outcome, shadow_outcome)
DO UPDATE SET payments = known.payments + EXCLUDED.payments, amount = known.amount + EXCLUDED.amount
"""
_TRIM = """
DELETE FROM scoring_shadowscore WHERE model_id = %s AND decision_id <= (
  SELECT decision_id FROM scoring_shadowscore WHERE model_id = %s ORDER BY decision_id DESC OFFSET %s LIMIT 1)
"""


@dataclass
class _Tally:
    """A model in shadow, and what is to be added to its figures."""

    row: ModelVersion
    payments: Counter[_Cell] = field(default_factory=Counter)
    amounts: dict[_Cell, Decimal] = field(default_factory=dict)
    scores: list[ShadowScore] = field(default_factory=list)

    def look_at(self, payments: RecordedPayments, batch: Batch, policy_version: int) -> None:
        """Score them and judge them so. Whatever is wrong is counted, and does not hold up other models."""
        rows = [row for row, one in enumerate(payments.decided) if one.decided_at >= self.row.stage_since]
        if not rows:
            return
        try:
            model = _model(self.row.version, self.row.signature)
            scores, anomalies = model.score(batch.vectors), model.anomalies(batch.vectors)
            scored = Batch(
                batch.transactions, batch.vectors, scores, listed=batch.listed, at=batch.at, anomalies=anomalies
            )
            outcomes = judge(scored, _policy(policy_version)).outcomes
        except DatabaseError:
            raise
        except Exception:
            logger.exception("model %s, in shadow, could not be asked about %s payments", self.row.version, len(rows))
            outcomes, scores = [NOT_SCORED] * len(payments.decided), None
        for row in rows:
            self._count(payments.decided[row], outcomes[row])
        if scores is not None:
            self._keep(payments.decided, rows, outcomes, scores)

    def add(self, cell: _Cell, amount: Decimal) -> None:
        self.payments[cell] += 1
        self.amounts[cell] = self.amounts.get(cell, Decimal(0)) + amount

    def _count(self, one: RecordedPayment, outcome: str) -> None:
        self.add((one.day, one.transaction.currency, one.outcome, outcome), one.transaction.amount)

    def _keep(
        self, decided: Sequence[RecordedPayment], rows: Sequence[int], outcomes: Sequence[str],
        scores: NDArray[np.float64],
    ) -> None:  # fmt: skip
        for row in rows:
            one, outcome = decided[row], outcomes[row]
            is_sampled = is_drawn(one.transaction.card_id, salt=_SAMPLE, share=SAMPLED_CARDS)
            if is_sampled or not one.outcome == outcome == APPROVE:
                self.scores.append(
                    ShadowScore(
                        model_id=self.row.id, decision_id=one.id, score=float(scores[row]), outcome=outcome,
                        is_sampled=is_sampled,
                    )
                )  # fmt: skip


def score_in_shadow(decision_ids: Sequence[int]) -> None:
    """Add decisions to the figures of the models that are in shadow now, each to those that were when it was decided.

    Everything but the score is as it was decided: the vector, the version of the policy, the lists. A model that has
    left the shadow since is not asked any more. Must run in the transaction that takes the decisions off the outbox: so
    each counts once.
    """
    in_shadow = ModelVersion.objects.filter(stage=ModelVersion.Stage.SHADOW).order_by("id")
    tallies = [_Tally(row) for row in in_shadow.only("id", "version", "signature", "stage_since")]
    if not tallies:
        return
    for start in range(0, len(decision_ids), PAYMENTS_AT_ONCE):
        payments = recorded_payments(decision_ids[start : start + PAYMENTS_AT_ONCE])
        for policy_version, some in _by_policy(payments).items():
            batch = some.batch()
            for tally in tallies:
                tally.look_at(some, batch, policy_version)
        for tally in tallies:
            for one in payments.unreadable:
                if one.decided_at >= tally.row.stage_since:
                    tally.add((one.day, one.currency, one.outcome, NOT_SCORED), one.amount)
    _write(tallies)


def _by_policy(payments: RecordedPayments) -> dict[int, RecordedPayments]:
    """Those that can be read, by the version of the policy that decided them."""
    groups: dict[int, RecordedPayments] = {}
    for one in payments.decided:
        groups.setdefault(one.policy_version, RecordedPayments()).decided.append(one)
    return groups


# A signature names one content: a model that is signed anew is loaded anew.
@lru_cache(maxsize=MAX_IN_SHADOW + 1)
def _model(version: str, signature: str) -> Model:
    return load_model(ModelVersion.objects.get(version=version, signature=signature))


@lru_cache(maxsize=8)
def _policy(version: int) -> PolicyInForce:
    """What decided does not change."""
    return compile_policy(Policy.objects.get(version=version))


def _write(tallies: Sequence[_Tally]) -> None:
    """Add what was found, in one order whoever writes: two that add to the same figures wait and do not deadlock."""
    figures = [
        (tally.row.id, *cell, tally.payments[cell], tally.amounts[cell])
        for tally in tallies
        for cell in sorted(tally.payments)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_ADD_FIGURES, figures)
    ShadowScore.objects.bulk_create((score for tally in tallies for score in tally.scores), batch_size=1000)


def trim_scores() -> int:
    """Forget the oldest scores of models that have more than SCORES_KEPT; how many. Safe to run twice."""
    models = ShadowScore.objects.order_by().values_list("model_id", flat=True).distinct()
    removed = 0
    with connection.cursor() as cursor:
        for model_id in list(models):
            cursor.execute(_TRIM, [model_id, model_id, SCORES_KEPT])
            removed += cursor.rowcount
    return removed
