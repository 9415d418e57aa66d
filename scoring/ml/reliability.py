"""Whether scores still mean what they say, on payments whose label is known. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from scoring.ml.metrics import calibration
from scoring.ml.reference import calibration_points

# As for the calibration of a training: a slope through fewer frauds is an accident.
LEAST_FRAUDS_FOR_SLOPE = 30
# Logits of scores nearer to 0 or 1 would be infinite.
_NEAREST = 1e-9


@dataclass(frozen=True)
class Reliability:
    """Scores against labels. expected: frauds by the scores' own word, their sum. error: expected calibration error.

    slope: of the true log-odds over those of the scores, 1 where they are right, below 1 where scores are too extreme;
    None for too few frauds. points: mean score, share of fraud and rows of bins of equal count, by rising score.
    """

    rows: int
    frauds: int
    expected: float
    error: float
    slope: float | None
    points: Sequence[tuple[float, float, int]]


def reliability(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> Reliability | None:
    """Of labels 0 or 1 and calibrated scores 0-1; None for no rows.

    Source: D. R. Cox, Two further applications of a model for binary regression, Biometrika 45 (1958), for the slope.
    """
    if not len(labels):
        return None
    return Reliability(
        rows=len(labels),
        frauds=int(labels.sum()),
        expected=float(scores.sum()),
        error=calibration(labels, scores)["expected_calibration_error"],
        slope=_slope(labels, scores),
        points=calibration_points(labels, scores),
    )


def _slope(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> float | None:
    frauds = int(labels.sum())
    if frauds < LEAST_FRAUDS_FOR_SLOPE or frauds == len(labels):
        return None
    near = np.clip(scores, _NEAREST, 1 - _NEAREST)
    line = LogisticRegression(C=np.inf).fit(np.log(near / (1 - near))[:, None], labels)
    return float(line.coef_[0, 0])
