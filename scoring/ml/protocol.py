"""The protocol a model is measured by: train, wait for labels, test on new days and cards. Pure.

Source: Fraud Detection Handbook (ULB), chapter 5, prequential evaluation with a delay.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import DAY
from scoring.ml import metrics
from scoring.ml.datasets import FRAUD, UNKNOWN, Dataset
from scoring.ml.model import calibrated, margins
from scoring.ml.training import TrainingImpossibleError, train

# A card leaves the test by a fraud of so many of the newest training days: however long a model learns, it is then
# measured on the same payments as one of a week, to which the public figures belong.
KNOWN_DAYS = 7


@dataclass(frozen=True)
class Fold:
    """Days of training, days without known labels, days of testing. `start`: seconds, a midnight UTC."""

    start: float
    train_days: int
    delay_days: int
    test_days: int

    @property
    def train_end(self) -> float:
        return self.start + self.train_days * DAY

    @property
    def known_from(self) -> float:
        return max(self.start, self.train_end - KNOWN_DAYS * DAY)

    @property
    def test_start(self) -> float:
        return self.train_end + self.delay_days * DAY

    @property
    def end(self) -> float:
        return self.test_start + self.test_days * DAY


@dataclass(frozen=True)
class Thresholds:
    """Scores from which a payment is reviewed and declined, 0-1."""

    review: float
    decline: float


def rows_to_test(fold: Fold, truth: Dataset) -> NDArray[np.bool_]:
    """Which payments are tested: those of the test days whose card had no fraud that was known by then.

    On test day d the frauds from the newest training days (KNOWN_DAYS) up to day d - delay - 1 are known.
    """
    days = (truth.occurred_at - fold.start) // DAY
    first_fraud = _first_fraud_day(truth.cards, days, (truth.labels == FRAUD) & (truth.occurred_at >= fold.known_from))
    is_tested = (truth.occurred_at >= fold.test_start) & (truth.occurred_at < fold.end)
    return np.asarray(is_tested & (first_fraud > days - fold.delay_days - 1))


def _first_fraud_day(
    cards: NDArray[np.int64], days: NDArray[np.float64], is_fraud: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Day of the first of these frauds of each row's card, infinite where it has none."""
    names, rows = np.unique(cards, return_inverse=True)
    first = np.full(len(names), np.inf)
    np.minimum.at(first, rows[is_fraud], days[is_fraud])
    return first[rows]


def evaluate(fold: Fold, training: Dataset, truth: Dataset, *, thresholds: Thresholds, seed: int) -> dict[str, Any]:
    """Train a model to throw away and measure it.

    training: the training days with the labels known at the test's start. truth: all days of the fold with
    the labels known today; without one a payment counts as legitimate.

    Raises:
        TrainingImpossibleError: the training days, or the test days, do not have both classes.
    """
    trained = train(training, seed=seed)
    tested = truth.where(rows_to_test(fold, truth))
    labels = np.where(tested.labels == UNKNOWN, 0, tested.labels).astype(np.int8)
    if not 0 < labels.sum() < len(labels):
        raise TrainingImpossibleError(f"{labels.sum()} of {len(labels)} payments to test on are fraud.")
    margin = margins(trained.booster, tested.vectors)
    scores = calibrated(margin, trained.slope, trained.intercept)
    days = ((tested.occurred_at - fold.test_start) // DAY).astype(np.int64)
    return {
        "train_rows": int(trained.metrics["rows"]),
        "test_rows": len(labels),
        "test_frauds": int(labels.sum()),
        **metrics.ranking(labels, margin),
        "card_precision_at_100": metrics.card_precision_at_k(days, tested.cards, labels, margin),
        **metrics.at_threshold(labels, scores, thresholds.review),
        **metrics.calibration(labels, scores),
        "money": {
            "review": _money(tested, labels, scores >= thresholds.review),
            "decline": _money(tested, labels, scores >= thresholds.decline),
        },
    }


def _money(tested: Dataset, labels: NDArray[np.int8], stopped: NDArray[np.bool_]) -> dict[str, dict[str, str]]:
    return metrics.money(labels, stopped, tested.amounts, [str(name) for name in tested.currencies])
