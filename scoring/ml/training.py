"""Training: boosted trees on known labels, calibrated on a later time than they learnt from. Pure.

A process that trained must not fork: the threads of OpenMP do not come along, and the child hangs. Spawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from scoring.features.definitions import NAMES
from scoring.ml.anomaly import Anomaly
from scoring.ml.datasets import Dataset, split_by_time, training_set
from scoring.ml.metrics import calibration, ranking
from scoring.ml.model import calibrated, margins

Parameters = Mapping[str, float | int | str]

TREES = 300
# Measured on the weeks kept for tuning: with 256 bins the tail of amounts cannot be split (average precision
# 0.703 against 0.725), an estimated base_score lets min_child_weight forbid small leaves, a scale_pos_weight
# spoils the calibration. Depths 3 to 6 rank alike within noise; shallow trees are explained much faster.
PARAMETERS: Parameters = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "eta": 0.05,
    "max_depth": 4,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "base_score": 0.5,
    "max_bin": 1024,
}
THREADS = 2
# Below these a model would learn accidents by heart.
LEAST_ROWS = 500
LEAST_FRAUDS = 10
# Share of the time, the newest, that calibration and the reported figures are measured on.
HOLDOUT = 0.2
# With fewer frauds a fitted slope is worth less than the margins as they are: log-loss calibrates them.
LEAST_FRAUDS_TO_CALIBRATE = 30


class TrainingImpossibleError(Exception):
    """The labels do not suffice; the message says what is missing. Nothing was trained."""


@dataclass(frozen=True)
class Trained:
    """What a training gives: trees, calibration, and how they did on the newest part of the time.

    anomaly: the autoencoder beside them, which `fit_anomaly` trains without labels.
    """

    booster: xgb.Booster
    slope: float
    intercept: float
    metrics: dict[str, float]
    anomaly: Anomaly | None = None


def train(dataset: Dataset, *, seed: int, parameters: Parameters = PARAMETERS, threads: int = THREADS) -> Trained:
    """Train on the rows with known labels.

    Figures and calibration come from trees that saw only the older part of the time. The trees that are kept
    see all of it: fraud changes quickly and the newest days teach the most. Their calibration carries over,
    as the recipe is the same and stops at a fixed number of trees.

    Raises:
        TrainingImpossibleError: too few rows, or not both classes.
    """
    known = training_set(dataset)
    check_trainable(known)
    slope, intercept, metrics = _measure(known, seed=seed, parameters=parameters, threads=threads)
    booster = fit(known, seed=seed, parameters=parameters, threads=threads)
    return Trained(booster, slope, intercept, {"rows": len(known), "frauds": known.frauds, **metrics})


def check_trainable(known: Dataset) -> None:
    """Say what is missing.

    Raises:
        TrainingImpossibleError: too few rows, or not both classes.
    """
    if len(known) < LEAST_ROWS:
        raise TrainingImpossibleError(f"Only {len(known)} payments with a known label; {LEAST_ROWS} are needed.")
    if known.frauds == len(known):
        raise TrainingImpossibleError("All known labels are fraud; legitimate payments are needed to tell them apart.")
    if known.frauds < LEAST_FRAUDS:
        counted = "No fraud label is" if known.frauds == 0 else f"Only {known.frauds} fraud labels are"
        raise TrainingImpossibleError(f"{counted} known among {len(known)} payments; {LEAST_FRAUDS} are needed.")


def fit(known: Dataset, *, seed: int, parameters: Parameters, threads: int) -> xgb.Booster:
    """Trees on all rows given. The same rows, parameters and seed give the same trees."""
    matrix = xgb.QuantileDMatrix(
        known.vectors,
        known.labels,
        feature_names=list(NAMES),
        nthread=threads,
        max_bin=int(parameters["max_bin"]),
    )
    return xgb.train({**parameters, "seed": seed, "nthread": threads}, matrix, TREES)


def _measure(
    known: Dataset, *, seed: int, parameters: Parameters, threads: int
) -> tuple[float, float, dict[str, float]]:
    """Slope, intercept and figures on the newest part of the time; identity and none where it cannot tell."""
    older, newer = split_by_time(known, HOLDOUT)
    if not 0 < older.frauds < len(older) or not 0 < newer.frauds < len(newer):
        return 1.0, 0.0, {"holdout_rows": len(newer), "holdout_frauds": newer.frauds}
    margin = margins(fit(older, seed=seed, parameters=parameters, threads=threads), newer.vectors)
    slope, intercept = fit_calibration(margin, newer.labels)
    figures = {
        **ranking(newer.labels, margin),
        **calibration(newer.labels, calibrated(margin, slope, intercept)),
        "holdout_rows": len(newer),
        "holdout_frauds": newer.frauds,
    }
    return slope, intercept, figures


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


def _platt(margin: NDArray[np.float64], labels: NDArray[np.int8]) -> tuple[float, float]:
    line = LogisticRegression(C=np.inf).fit(margin[:, None], labels)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
