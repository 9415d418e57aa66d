"""The straight line that makes probabilities of the trees' margins, and how good it is. Pure."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from scoring.ml.model import calibrated

# With fewer frauds a fitted slope is worth less than the margins as they are: log-loss calibrates them.
LEAST_FRAUDS_TO_CALIBRATE = 30


def fit_calibration(margin: NDArray[np.float64], labels: NDArray[np.int8]) -> tuple[float, float]:
    """Slope and intercept of margins in order of time; 1 and 0 unless the first half's helps the second."""
    if int(labels.sum()) < LEAST_FRAUDS_TO_CALIBRATE:
        return 1.0, 0.0
    half = len(labels) // 2
    early, late = labels[:half], labels[half:]
    if not (0 < early.sum() < len(early) and 0 < late.sum() < len(late)):
        return 1.0, 0.0
    fitted = log_loss(late, calibrated(margin[half:], *_platt(margin[:half], early)))
    if fitted >= log_loss(late, calibrated(margin[half:], 1.0, 0.0)):
        return 1.0, 0.0
    slope, intercept = _platt(margin, labels)
    # A falling line would turn the order of scores.
    return (slope, intercept) if slope > 0.0 else (1.0, 0.0)


def unseen_by_line(
    margin: NDArray[np.float64], labels: NDArray[np.int8], line: tuple[float, float]
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels, and scores by a line that was not fitted to them, of margins in order of time.

    All of them where they stay as they are; else the second half, by the line of the first. On what it was fitted to
    any line has the right mean.
    """
    if line == (1.0, 0.0):
        return labels, calibrated(margin, *line)
    half = len(labels) // 2
    return labels[half:], calibrated(margin[half:], *_platt(margin[:half], labels[:half]))


def _platt(margin: NDArray[np.float64], labels: NDArray[np.int8]) -> tuple[float, float]:
    line = LogisticRegression(C=np.inf).fit(margin[:, None], labels)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
