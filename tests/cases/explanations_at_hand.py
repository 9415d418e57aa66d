"""Explanations as the relay makes them, with fixed values."""

from typing import Any

import numpy as np

from scoring.features.definitions import NAMES, VERSION
from scoring.models import Decision, Explanation
from tests.factories import NOON

FAMILIES = [
    {"code": "card_count_1h", "contribution": 3.25, "words": "7 payments in the last hour",
     "usual": "this card's usual is 1"},
    {"code": "merchant_risk", "contribution": -0.75, "words": "The shop has almost no fraud", "usual": ""},
]  # fmt: skip
FOUND = [
    {"feature": "amount", "value": "39.99", "until": None, "always": "39.99", "outcome": "approve",
     "words": "It would have passed below 40.00 EUR"},
]  # fmt: skip


def alternatives(**overrides: Any) -> dict[str, Any]:
    return {"found": FOUND, "tried": ["amount"], "is_whole": True, "problem": ""} | overrides


def make_explanation(decision: Decision, **overrides: Any) -> Explanation:
    values: dict[str, Any] = {
        "state": "made", "model_version": "m-explains", "policy_version": 1, "feature_version": VERSION, "base": -2.0,
        "margin": 0.5, "contributions": np.zeros(len(NAMES), np.float32).tobytes(), "families": FAMILIES,
        "counterfactuals": alternatives(), "made_at": NOON,
    }  # fmt: skip
    return Explanation.objects.create(decision=decision, **values | overrides)


def make_unexplained(decision: Decision, **overrides: Any) -> Explanation:
    none = {
        "state": "failed", "problem": "The contributions do not add up.", "base": None, "margin": None,
        "contributions": b"", "families": [], "counterfactuals": alternatives(found=[], problem="Not tried."),
    }  # fmt: skip
    return make_explanation(decision, **none | overrides)
