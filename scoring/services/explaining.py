"""Explaining flagged decisions: contributions of the model that decided, in words, and what would have changed them."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.decisioning import PolicyInForce
from scoring.features.definitions import NAMES
from scoring.ml.counterfactuals import Alternatives
from scoring.ml.explanations import families
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import Explanation, ModelVersion, Outbox, Policy
from scoring.rules.language import RuleError
from scoring.services.alternatives import alternatives_of
from scoring.services.explained_payments import Flagged, Habits, flagged_without_explanation, habits_before
from scoring.services.list_history import ListHistory
from scoring.services.outbox import add_to_outbox
from scoring.services.reproduction import past_model, past_policy

logger = logging.getLogger(__name__)

State = Explanation.State

# Their explanations are made in one transaction of the relay, which then has its turn at other topics.
EXPLAINED_AT_ONCE = 20
# float32 contributions add up to the margin to about 1e-6; what is further off is of other trees.
MOST_OFF = 1e-4
_NO_HABIT = np.empty((0, len(NAMES)), np.float32)


def leave_for_explaining(decision_ids: Sequence[int]) -> None:
    """Have flagged decisions explained once this transaction commits. Must run inside one."""
    for start in range(0, len(decision_ids), EXPLAINED_AT_ONCE):
        add_to_outbox(Outbox.Topic.EXPLANATIONS, decision_ids[start : start + EXPLAINED_AT_ONCE])


def explain_decisions(decision_ids: Sequence[int], *, at: datetime) -> int:
    """Explain those that flag a payment and are not explained yet; how many.

    Idempotent. What cannot be explained is stored with the reason, and does not hold up the others.
    """
    flagged = flagged_without_explanation(decision_ids)
    if not flagged:
        return 0
    habits = habits_before([one.decision_id for one in flagged])
    history = ListHistory([one.payment for one in flagged if one.payment is not None])
    rows = []
    policies = {version: _policy(version) for version in {one.policy_version for one in flagged}}
    groups: dict[str, list[Flagged]] = {}
    for one in flagged:
        groups.setdefault(one.model_version, []).append(one)
    for version, group in groups.items():
        model, gone = _model(version)
        for one, row in zip(group, _explained(group, model, gone, habits), strict=True):
            row.made_at = at
            policy, unknown = policies[one.policy_version]
            # This model is not what decided: what it says of other figures would not be true either.
            failed = row.problem if row.state == State.FAILED else ""
            missing = one.problem or (gone if one.model_version else "") or failed or unknown
            row.counterfactuals = msgspec.to_builtins(_alternatives(one, model, policy, missing, history))
            rows.append(row)
    # Somebody else may have explained one meanwhile.
    Explanation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _model(version: str) -> tuple[Model | None, str]:
    """The model that decided, and why there is none."""
    try:
        return past_model(version), "" if version else "It was decided without a model."
    except (ModelVersion.DoesNotExist, ModelRefusedError) as error:
        return None, f"{str(error)[:200] or 'Its model is not kept any more'}."


def _explained(group: Sequence[Flagged], model: Model | None, gone: str, habits: Habits) -> Iterable[Explanation]:
    """What the model says of each, all in one call of it."""
    vectors = [one.vector for one in group if one.vector is not None]
    if model is None or not vectors:
        return [_unexplained(one, gone) for one in group]
    try:
        shares, margins = model.contributions(np.stack(vectors)), model.log_odds(np.stack(vectors))
    except Exception:
        logger.exception("contributions of model %s could not be computed", model.version)
        return [_failed(one, "The contributions could not be computed.") for one in group]
    made = iter(zip(shares, margins.tolist(), strict=True))
    return [_unexplained(one, gone) if one.vector is None else _checked(one, *next(made), habits) for one in group]


def _checked(one: Flagged, shares: NDArray[np.float32], margin: float, habits: Habits) -> Explanation:
    """An explanation that adds up to the score that was recorded, or that it does not."""
    assert one.vector is not None
    off = abs(float(shares.sum(dtype=np.float64)) - margin)
    # A score that is not there, or no number, is another one too.
    is_other = one.score is None or not abs(one.score - 1.0 / (1.0 + np.exp(-margin))) <= MOST_OFF
    if is_other or not off <= MOST_OFF:
        logger.error(
            "decision %s: contributions are %.2g off the margin %.6f, the recorded score is %s", one.decision_id, off,
            margin, one.score,
        )  # fmt: skip
        return _failed(one, "The contributions do not add up to the score that was recorded.")
    currency = one.payment.currency if one.payment is not None else ""
    habit, is_mixed = habits.vectors.get(one.decision_id, _NO_HABIT), one.decision_id in habits.mixed
    told = families(shares, one.vector, habit, currency=currency, is_mixed=is_mixed)
    row = _row(one, State.MADE, "")
    row.base, row.margin, row.contributions = float(shares[-1]), margin, shares[:-1].tobytes()
    row.families = msgspec.to_builtins(told)
    return row


def _unexplained(one: Flagged, gone: str) -> Explanation:
    if not one.model_version:
        return _row(one, State.NO_MODEL, gone)
    return _row(one, State.GONE, one.problem or gone)


def _failed(one: Flagged, problem: str) -> Explanation:
    return _row(one, State.FAILED, problem)


def _row(one: Flagged, state: str, problem: str) -> Explanation:
    return Explanation(
        decision_id=one.decision_id, state=state, problem=problem, model_version=one.model_version,
        policy_version=one.policy_version, feature_version=one.feature_version,
    )  # fmt: skip


def _policy(version: int) -> tuple[PolicyInForce | None, str]:
    """The policy that decided, and why there is none."""
    try:
        return past_policy(version), ""
    except (Policy.DoesNotExist, RuleError) as error:
        return None, f"{error}."


def _alternatives(
    one: Flagged, model: Model | None, policy: PolicyInForce | None, missing: str, history: ListHistory
) -> Alternatives:
    if missing or policy is None or one.payment is None:
        return Alternatives([], [], problem=missing)
    return alternatives_of(one, model=model, policy=policy, listed=history.hits(one.payment, at=one.at))
