"""The numbers behind a reason: what its features were for a payment, and what is usual for the card. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import BY_NAME, FEATURES, INDEX, Feature
from scoring.ml.explanations import FAMILY_OF
from scoring.ml.wording import sentence, usual_text

_NAME = re.compile(r"[a-z]\w*")


@dataclass(frozen=True)
class Number:
    """One feature: what it says of this payment, and its usual value. `is_told`: the reason's words are its."""

    name: str
    words: str
    usual: str
    is_told: bool


def features_behind(code: str, expression: str) -> list[Feature]:
    """Those that a reason of the model sums up, or that a rule's expression names; none for a list."""
    if expression:
        return [BY_NAME[name] for name in dict.fromkeys(_NAME.findall(expression)) if name in BY_NAME]
    return [feature for feature, family in zip(FEATURES, FAMILY_OF, strict=True) if family == code]


def numbers_of(
    features: Sequence[Feature],
    vector: NDArray[np.float32],
    others: NDArray[np.float32],
    *,
    currency: str,
    told: str,
) -> list[Number]:
    """Those of which something is known. vector: float32 (features,) of the payment.

    others: float32 (payments, features) of the card's others.
    """
    found = []
    for feature in features:
        if np.isnan(vector[INDEX[feature.name]]) and np.isnan(others[:, INDEX[feature.name]]).all():
            continue
        said = sentence(feature, vector, currency=currency)
        usual = usual_text(feature, others[:, INDEX[feature.name]], currency=currency) or "nothing to compare"
        found.append(Number(feature.name, said, usual, said == told))
    return found


def share_words(contribution: float | None) -> str:
    """What a contribution (log-odds) does to the odds of fraud."""
    if contribution is None:
        return "A rule or a list asked for this, whatever the score."
    times = exp(abs(contribution))
    shown = f"{times:,.1f}" if times < 100 else f"{times:,.0f}"
    return f"Together they {'multiply' if contribution >= 0 else 'divide'} the odds of fraud by {shown}."
