"""Settings of the trees, searched within a budget and without the newest part of the time. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import xgboost as xgb
from sklearn.metrics import average_precision_score

from scoring.ml.datasets import Dataset, split_by_time, thinned
from scoring.ml.training import (
    LEAST_FRAUDS,
    MEASURED_ROWS,
    STOPPING,
    Budget,
    Fitting,
    Parameters,
    Progress,
    Step,
    grow,
    matrix_of,
    part_of,
    unbinned,
)

# The share of the whole training's work that trials are, as it is told.
SHARE = 0.5


@dataclass(frozen=True)
class Tuned:
    """The best settings, and each trial: its settings, average precision (mean of the folds), and number of trees."""

    parameters: Parameters
    trials: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Fold:
    early: xgb.QuantileDMatrix
    late: xgb.DMatrix
    labels: Any


def tune(
    older: Dataset, *, seed: int, parameters: Parameters, threads: int, budget: Budget, progress: Progress
) -> Tuned:
    """Try settings and take the best; the ones given are tried first, so nothing worse than they is taken.

    Each is judged by average precision on two folds: trees on the first half of the time, judged on the third quarter,
    and on the first three quarters, judged on the last. The same rows, seed and number of trials that fit into the
    seconds give the same settings. What `progress` raises ends the search.

    Source: tree-structured Parzen estimators, J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011).
    """
    folds = _folds(older, Fitting(parameters, seed, threads))
    if not folds:
        progress(Step("Too few frauds to compare settings: the product's own are taken", SHARE))
        return Tuned(parameters, ())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial({name: parameters.get(name, usual) for name, usual in _SPACE.items()})

    def judge(trial: optuna.Trial) -> float:
        first = trial.number / budget.trials * SHARE
        words = f"Trying settings, {trial.number + 1} of at most {budget.trials}"
        fitting = Fitting({**parameters, **_suggested(trial)}, seed, threads)
        found = []
        for place, fold in enumerate(folds):
            start, end = (first + SHARE / budget.trials * (place + more) / len(folds) for more in (0, 1))
            found.append(_judged(fold, fitting, part_of(progress, words, start, end)))
        trial.set_user_attr("trees", [trees for _, trees in found])
        return float(np.mean([precision for precision, _ in found]))

    study.optimize(judge, n_trials=budget.trials, timeout=budget.seconds)
    trials = tuple(
        {"parameters": one.params, "average_precision": one.value, "trees": one.user_attrs["trees"]}
        for one in study.trials
    )
    return Tuned({**parameters, **study.best_params}, trials)


# Around what was measured to be good; the number of trees follows from early stopping. With what XGBoost takes where
# nothing is said: a setting left out of the first trial would be drawn.
_SPACE: Parameters = {
    "max_depth": 6, "eta": 0.3, "min_child_weight": 1.0, "subsample": 1.0, "colsample_bytree": 1.0, "lambda": 1.0,
}  # fmt: skip


def _suggested(trial: optuna.Trial) -> dict[str, float | int]:
    return {
        "max_depth": trial.suggest_int("max_depth", 3, 6),
        "eta": trial.suggest_float("eta", 0.03, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.01, 30.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "lambda": trial.suggest_float("lambda", 0.1, 30.0, log=True),
    }


def _folds(older: Dataset, fitting: Fitting) -> list[_Fold]:
    """Those in which both parts have enough frauds, and something else."""
    first, _ = split_by_time(older, STOPPING)
    parts = [split_by_time(first, 1 / 3), split_by_time(older, STOPPING)]
    return [_fold(thinned(early, MEASURED_ROWS), thinned(late, MEASURED_ROWS), fitting) for early, late in parts
            if _is_enough(early) and _is_enough(late)]  # fmt: skip


def _is_enough(part: Dataset) -> bool:
    return LEAST_FRAUDS <= part.frauds < len(part)


def _fold(early: Dataset, late: Dataset, fitting: Fitting) -> _Fold:
    return _Fold(matrix_of(early, fitting), unbinned(late, fitting), late.labels)


def _judged(fold: _Fold, fitting: Fitting, tell: Any) -> tuple[float, int]:
    """Average precision on the later part, and how many trees helped."""
    booster = grow(fold.early, fold.late, fitting, tell)
    trees = int(booster.best_iteration) + 1
    scores = booster.predict(fold.late, output_margin=True, iteration_range=(0, trees))
    return float(average_precision_score(fold.labels, scores)), trees
