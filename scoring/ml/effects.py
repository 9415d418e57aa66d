"""What the trees lean on, and which way it moves a payment: SHAP values over many payments. Pure."""

from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from scoring.features.definitions import NAMES
from scoring.ml.datasets import FRAUD, Dataset

# The mean of so many stands to a few percent.
EXPLAINED_ROWS = 2_000
# Enough to see where they lie; of the strongest features only, of which a page shows so many.
DRAWN_PAYMENTS, DRAWN_FEATURES = 40, 25


def importance(booster: xgb.Booster, payments: Dataset, *, seed: int) -> list[dict[str, Any]]:
    """Features the trees use, by falling mean |SHAP| on a sample of payments.

    gain: share of all gain, 0-1. shap: mean |SHAP|, log-odds. effects, of the first DRAWN_FEATURES: of up to
    DRAWN_PAYMENTS frauds and as many others the place of the value among them, 0-1 (None: missing), and its SHAP value.
    """
    # It takes half a second to import, and only trainings need it.
    import shap  # noqa: PLC0415

    order = np.random.default_rng(seed).permutation(len(payments))
    sampled, labels = np.sort(order[:EXPLAINED_ROWS]), payments.labels[order]
    parts = {"fraud": order[labels == FRAUD], "legitimate": order[labels != FRAUD]}
    drawn = {name: rows[:DRAWN_PAYMENTS] for name, rows in parts.items()}
    explainer = shap.TreeExplainer(booster)
    shares = np.abs(explainer.shap_values(payments.vectors[sampled])).mean(axis=0)
    vectors = payments.vectors[np.concatenate(list(drawn.values()))]
    effects = explainer.shap_values(vectors)
    gains = booster.get_score(importance_type="total_gain")
    total = sum(_number(gain) for gain in gains.values()) or 1.0
    used = [place for place in np.argsort(-shares, kind="stable").tolist() if _number(gains.get(NAMES[place], 0.0)) > 0]
    found: list[dict[str, Any]] = [
        {"feature": NAMES[place], "gain": _number(gains[NAMES[place]]) / total, "shap": float(shares[place])}
        for place in used
    ]
    for one, place in zip(found, used[:DRAWN_FEATURES], strict=False):
        dots = _dots(vectors[:, place], effects[:, place])
        one["effects"] = {"fraud": dots[: len(drawn["fraud"])], "legitimate": dots[len(drawn["fraud"]) :]}
    return found


def _dots(values: NDArray[np.float32], effects: NDArray[np.float32]) -> list[tuple[float | None, float]]:
    known = np.sort(values[~np.isnan(values)])
    places = np.searchsorted(known, values, side="left") / max(len(known) - 1, 1)
    return [
        (None if np.isnan(value) else round(float(place), 2), round(float(effect), 3))
        for value, place, effect in zip(values, np.minimum(places, 1.0), effects, strict=True)
    ]


def _number(gain: float | list[float]) -> float:
    return float(gain[0] if isinstance(gain, list) else gain)
