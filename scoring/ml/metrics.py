"""How good scores are: ranking, thresholds, calibration, and the money at stake. Pure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Labels = NDArray[np.int8]
Scores = NDArray[np.float64]

# Bins of equal count: with one fraud in a hundred, bins of equal width would put nearly all into one.
CALIBRATION_BINS = 20


def ranking(labels: Labels, scores: Scores) -> dict[str, float]:
    """Area under the ROC curve, and average precision. Needs both classes."""
    return {
        "auc_roc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
    }


def at_threshold(labels: Labels, scores: Scores, threshold: float) -> dict[str, float]:
    """Precision, recall and F1 of stopping at `threshold` and above; 0 where nothing was caught."""
    stopped, frauds = scores >= threshold, labels == 1
    caught = float(np.sum(stopped & frauds))
    precision = caught / max(float(stopped.sum()), 1.0)
    recall = caught / max(float(frauds.sum()), 1.0)
    f1 = 2.0 * precision * recall / (precision + recall) if caught else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def calibration(labels: Labels, probabilities: Scores) -> dict[str, float]:
    """Expected calibration error, and Brier score.

    Source: M. P. Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).
    """
    order = np.argsort(probabilities, kind="stable")
    bins = [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]
    gaps = [len(part) * abs(float(labels[part].mean()) - float(probabilities[part].mean())) for part in bins]
    return {
        "expected_calibration_error": sum(gaps) / len(labels),
        "brier": float(np.mean((probabilities - labels) ** 2)),
    }


def card_precision_at_k(
    days: NDArray[np.int64], cards: NDArray[np.int64], labels: Labels, scores: Scores, *, k: int = 100
) -> float:
    """Share of fraud cards among the k riskiest of a day, mean over the days; a card caught leaves the rest.

    Always divided by k, the cards a team can look at in a day. Source: Fraud Detection Handbook, chapter 4.
    """
    caught: set[int] = set()
    shares = []
    for day in np.unique(days):
        riskiest, fraudulent = _cards_of_day(days == day, cards, labels, scores, caught)
        found = fraudulent.intersection(riskiest[:k])
        shares.append(len(found) / k)
        caught |= found
    return float(np.mean(shares))


def _cards_of_day(
    today: NDArray[np.bool_], cards: NDArray[np.int64], labels: Labels, scores: Scores, caught: set[int]
) -> tuple[list[int], set[int]]:
    """Cards by their highest score of the day, and those of them with a fraud that day."""
    names, rows = np.unique(cards[today], return_inverse=True)
    highest = np.full(len(names), -np.inf)
    np.maximum.at(highest, rows, scores[today])
    has_fraud = np.zeros(len(names), bool)
    np.logical_or.at(has_fraud, rows, labels[today] == 1)
    order = np.argsort(-highest, kind="stable")
    riskiest = [int(names[i]) for i in order if int(names[i]) not in caught]
    return riskiest, {int(name) for name in names[has_fraud]} - caught


def money(
    labels: Labels, stopped: NDArray[np.bool_], amounts: NDArray[np.float64], currencies: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Sums by currency, as decimal strings: fraud caught, fraud missed, and legitimate payments stopped."""
    frauds, names = labels == 1, np.asarray(currencies)
    parts = {
        "fraud_caught": frauds & stopped,
        "fraud_missed": frauds & ~stopped,
        "legitimate_stopped": ~frauds & stopped,
    }
    return {
        str(currency): {part: f"{float(amounts[rows & (names == currency)].sum()):.2f}" for part, rows in parts.items()}
        for currency in np.unique(names)
    }


def mean_of(folds: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Mean of each number that the folds share."""
    return _over_folds(folds, np.mean)


def deviation_of(folds: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Standard deviation (population) of each number that the folds share."""
    return _over_folds(folds, np.std)


def _over_folds(folds: Sequence[dict[str, Any]], of: Any) -> dict[str, float]:
    numbers = [name for name, value in folds[0].items() if isinstance(value, int | float)]
    return {name: float(of([fold[name] for fold in folds])) for name in numbers}
