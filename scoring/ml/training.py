"""Training: boosted trees on known labels, calibrated on a later time than they learnt from. Pure.

A process that trained must not fork: the threads of OpenMP do not come along, and the child hangs. Spawn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from scoring.features.definitions import NAMES
from scoring.ml.anomaly import Anomaly
from scoring.ml.calibrating import LEAST_FRAUDS_TO_CALIBRATE, fit_calibration, unseen_by_line
from scoring.ml.datasets import Dataset, split_by_time, thinned, training_set
from scoring.ml.metrics import calibration, ranking
from scoring.ml.model import calibrated, margins

Parameters = Mapping[str, float | int | str]

TREES = 300
# Measured on the weeks kept for tuning: with 256 bins the tail of amounts cannot be split (average precision
# 0.703 against 0.725), an estimated base_score lets min_child_weight forbid small leaves, a scale_pos_weight
# spoils the calibration. Depths 3 to 6 rank alike within noise; shallow trees are explained much faster. With a few
# hundred frauds a lambda of 5 keeps leaves from saying more than they know (0.742 against 0.740).
PARAMETERS: Parameters = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "eta": 0.05,
    "max_depth": 4,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "base_score": 0.5,
    "lambda": 5.0,
    "max_bin": 1024,
}
THREADS = 2
# Below these a model would learn accidents by heart.
LEAST_ROWS = 500
LEAST_FRAUDS = 10
# Share of the time, the newest, that calibration and the reported figures are measured on.
HOLDOUT = 0.2
# Share of the older part, its newest, on which it is seen how many trees help.
STOPPING = 0.25
# Trees that may bring nothing before it is believed that none does; log-loss on few frauds goes up and down.
PATIENCE = 50
# To find the number of trees and to measure, so many rows say as much as all of them.
MEASURED_ROWS = 250_000
# Shares of the work, as they are told: where the number of trees is looked for, where they are measured, and trained.
_TOLD, _TOLD_AFTER_TRIALS = (0.0, 0.3, 0.6), (0.5, 0.6, 0.7)


class Step(NamedTuple):
    """What a training does, in words, and the share of it that is done, 0-1."""

    words: str
    done: float


# Hears each step; what it raises ends the training.
Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """Tell nobody."""


class TrainingImpossibleError(Exception):
    """The labels do not suffice; the message says what is missing. Nothing was trained."""


@dataclass(frozen=True)
class Budget:
    """How many settings to try, and for how long at most; with 0 trials the product's own are taken."""

    trials: int = 0
    seconds: float = 600.0


@dataclass(frozen=True)
class Heldout:
    """The newest part of the time, and the calibrated scores (float64) of trees that had not seen it.

    learnt_from: rows those trees learnt from; fewer than there were where a part of the cards was enough.
    unseen_labels, unseen_scores: what tells how good the calibration is, see `unseen_by_line`.
    """

    payments: Dataset
    scores: NDArray[np.float64]
    learnt_from: int
    unseen_labels: NDArray[np.int8]
    unseen_scores: NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """What a training gives: trees, calibration, and how they did on the newest part of the time.

    parameters: of the trees, their number and the seed among them. trials: each setting that was tried, with its
    average precision. heldout: None where that part did not have both classes.
    anomaly: the autoencoder beside them, which `fit_anomaly` trains without labels.
    """

    booster: xgb.Booster
    slope: float
    intercept: float
    metrics: dict[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trials: tuple[dict[str, Any], ...] = ()
    heldout: Heldout | None = None
    anomaly: Anomaly | None = None


def train(
    dataset: Dataset,
    *,
    seed: int,
    parameters: Parameters = PARAMETERS,
    threads: int = THREADS,
    budget: Budget = Budget(),  # noqa: B008 - it is frozen
    progress: Progress = silent,
) -> Trained:
    """Train on the rows with known labels.

    Figures and calibration come from trees that saw only the older part of the time; in that part alone settings are
    tried and the number of trees is found. The trees that are kept see all of it: fraud changes quickly and the newest
    days teach the most. Their calibration carries over, as the recipe is the same, number of trees included.

    Raises:
        TrainingImpossibleError: too few rows, or not both classes.
    """
    known = training_set(dataset)
    check_trainable(known)
    older, newer = split_by_time(known, HOLDOUT)
    trials: tuple[dict[str, Any], ...] = ()
    if budget.trials:
        # Optuna takes half a second to import, and scoring processes import this module.
        from scoring.ml.tuning import tune  # noqa: PLC0415

        tuned = tune(older, seed=seed, parameters=parameters, threads=threads, budget=budget, progress=progress)
        parameters, trials = tuned.parameters, tuned.trials
    fitting = Fitting(parameters, seed, threads)
    found, measured, learnt = _TOLD_AFTER_TRIALS if budget.trials else _TOLD
    trees = trees_for(older, fitting, part_of(progress, "Finding how many trees help", found, measured))
    heldout, slope, intercept, figures = _measure(
        older, newer, fitting, trees, part_of(progress, "Measuring on the newest payments", measured, learnt)
    )
    telling = part_of(progress, f"Training on {len(known):,} payments", learnt, 0.9)
    booster = fit(
        known, seed=seed, parameters=parameters, threads=threads, trees=trees, callbacks=[Telling(telling, trees)]
    )
    return Trained(
        booster,
        slope,
        intercept,
        {"rows": len(known), "frauds": known.frauds, "trees": trees, **figures},
        {**parameters, "trees": trees, "seed": seed},
        trials,
        heldout,
    )


@dataclass(frozen=True)
class Fitting:
    """Settings of the trees, seed, and threads."""

    parameters: Parameters
    seed: int
    threads: int

    @property
    def booster(self) -> dict[str, Any]:
        return {**self.parameters, "seed": self.seed, "nthread": self.threads}


def part_of(progress: Progress, words: str, start: float, end: float) -> Callable[[float], None]:
    """Tells how much of one part of the work is done, 0-1, as a share of the whole."""
    return lambda done: progress(Step(words, start + (end - start) * min(done, 1.0)))


class Telling(xgb.callback.TrainingCallback):
    """Says after each tree how many are grown; what it is told to raise ends the fit."""

    def __init__(self, tell: Callable[[float], None], trees: int) -> None:
        super().__init__()
        self._tell, self._trees = tell, trees

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self._tell((epoch + 1) / self._trees)
        return False


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


def fit(
    known: Dataset,
    *,
    seed: int,
    parameters: Parameters,
    threads: int,
    trees: int = TREES,
    callbacks: Sequence[xgb.callback.TrainingCallback] = (),
) -> xgb.Booster:
    """Trees on all rows given. The same rows, parameters and seed give the same trees."""
    fitting = Fitting(parameters, seed, threads)
    return xgb.train(fitting.booster, matrix_of(known, fitting), trees, callbacks=callbacks)


def matrix_of(known: Dataset, fitting: Fitting) -> xgb.QuantileDMatrix:
    """Rows as XGBoost learns from them, in bins."""
    names, bins = list(NAMES), int(fitting.parameters["max_bin"])
    return xgb.QuantileDMatrix(known.vectors, known.labels, feature_names=names, nthread=fitting.threads, max_bin=bins)


def unbinned(known: Dataset, fitting: Fitting) -> xgb.DMatrix:
    """Rows as it is measured on them: trees say the same of figures as of their bins, and sooner."""
    return xgb.DMatrix(known.vectors, known.labels, feature_names=list(NAMES), nthread=fitting.threads)


def grow(early: xgb.DMatrix, late: xgb.DMatrix, fitting: Fitting, tell: Callable[[float], None]) -> xgb.Booster:
    """Trees on `early` until they help no more on `late`; `best_iteration` says where that was."""
    return xgb.train(
        {**fitting.booster, "eval_metric": "logloss"},
        early,
        TREES,
        evals=[(late, "late")],
        callbacks=[xgb.callback.EarlyStopping(rounds=PATIENCE), Telling(tell, TREES)],
        verbose_eval=False,
    )


def trees_for(older: Dataset, fitting: Fitting, tell: Callable[[float], None]) -> int:
    """How many trees help on later payments; TREES, the most there are, where too few frauds could tell."""
    early, late = (thinned(part, MEASURED_ROWS) for part in split_by_time(older, STOPPING))
    if not 0 < early.frauds < len(early) or late.frauds < LEAST_FRAUDS_TO_CALIBRATE or late.frauds == len(late):
        return TREES
    return int(grow(matrix_of(early, fitting), unbinned(late, fitting), fitting, tell).best_iteration) + 1


def _measure(
    older: Dataset, newer: Dataset, fitting: Fitting, trees: int, tell: Callable[[float], None]
) -> tuple[Heldout | None, float, float, dict[str, Any]]:
    """Scores, slope, intercept and figures on the newest part of the time; identity and none where it cannot tell."""
    counts = {"holdout_rows": len(newer), "holdout_frauds": newer.frauds}
    learnt = thinned(older, MEASURED_ROWS)
    if not 0 < learnt.frauds < len(learnt) or not 0 < newer.frauds < len(newer):
        return None, 1.0, 0.0, counts
    parameters, seed, threads = fitting.parameters, fitting.seed, fitting.threads
    booster = fit(
        learnt, seed=seed, parameters=parameters, threads=threads, trees=trees, callbacks=[Telling(tell, trees)]
    )
    margin = margins(booster, newer.vectors)
    slope, intercept = fit_calibration(margin, newer.labels)
    labels, unseen = unseen_by_line(margin, newer.labels, (slope, intercept))
    figures = {
        **ranking(newer.labels, margin), **calibration(labels, unseen), "calibration_rows": len(labels), **counts,
    }  # fmt: skip
    heldout = Heldout(newer, calibrated(margin, slope, intercept), len(learnt), labels, unseen)
    return heldout, slope, intercept, figures
