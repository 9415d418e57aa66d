"""Reads of explanations, in the outside's shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scoring.features.definitions import NAMES, VERSION
from scoring.models import Decision, Explanation


def explanation_detail(decision: Decision) -> dict[str, Any] | None:
    """All that is kept of a decision's explanation; None while there is none."""
    found = Explanation.objects.filter(decision=decision).first()
    if found is None:
        return None
    return {
        "transaction_id": decision.transaction_id,
        **explanation_shown(found),
        "contributions": contributions_of(found),
        "feature_version": found.feature_version,
        "made_at": found.made_at,
    }


def explanation_shown(found: Explanation) -> dict[str, Any]:
    """What people are shown of it."""
    return {
        "state": found.state,
        "problem": found.problem,
        "model_version": found.model_version,
        "policy_version": found.policy_version,
        "base": found.base,
        "margin": found.margin,
        "families": found.families,
        "counterfactuals": found.counterfactuals,
    }


def contributions_of(found: Explanation) -> dict[str, float]:
    """Log-odds by feature. Empty for another table's version, and where it is not made."""
    shares = np.frombuffer(bytes(found.contributions), np.float32)
    if found.feature_version != VERSION or len(shares) != len(NAMES):
        return {}
    return dict(zip(NAMES, shares.tolist(), strict=True))


def explanations_of(decisions: Sequence[Decision]) -> dict[int, Explanation]:
    """Those that are kept, by the id of their decision, without the contributions feature by feature. One query."""
    found = Explanation.objects.filter(decision__in=[one.id for one in decisions]).defer("contributions")
    return {one.decision_id: one for one in found}
