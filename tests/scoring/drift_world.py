"""A recorded history, and a champion that learnt from its first weeks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import xgboost as xgb
from django.conf import settings

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.ml import model as ml
from scoring.ml.datasets import Dataset
from scoring.ml.reference import reference_of
from scoring.models import Decision, Label, ModelVersion
from tests.factories import DAY
from tests.scoring.ml_data import make_dataset, record_decisions

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
AT = MIDNIGHT + timedelta(hours=12)
WINDOW, TRAINED = 7, 21
FIRST = MIDNIGHT - (TRAINED + WINDOW) * DAY
TRAINED_TO = FIRST + TRAINED * DAY
A_DAY = 100


def history(*, seed: int = 1, a_day: int = A_DAY) -> Dataset:
    """Payments of all days, the same kind each day."""
    days = TRAINED + WINDOW
    return make_dataset(a_day * days, days=days, seed=seed)


def of_window(data: Dataset) -> np.ndarray:
    """Which rows lie in the days that are measured."""
    return data.occurred_at >= data.occurred_at[0] + TRAINED * 86_400


def with_larger_amounts(data: Dataset, times: float) -> Dataset:
    """The amounts of the window's payments times a factor."""
    data.vectors[of_window(data), INDEX["amount"]] *= times
    return data


def record(data: Dataset, **fields: Any) -> list[Decision]:
    """Record the history, with the frauds' labels a day after each; fields are those of every decision."""
    decisions = list(record_decisions(data, first_at=FIRST))
    if fields:
        Decision.objects.update(**fields)
    Label.objects.bulk_create(
        Label(decision=one, label="fraud", source="chargeback", known_at=one.occurred_at + DAY)
        for one, label in zip(decisions, data.labels, strict=True)
        if label
    )
    return decisions


def fitted(data: Dataset, *, trees: int = 30, columns: int = len(NAMES)) -> xgb.Booster:
    """Small trees; of `columns` below all, those after are noise to it."""
    vectors = data.vectors.copy()
    vectors[:, columns:] = 0.0
    matrix = xgb.DMatrix(vectors, data.labels, feature_names=list(NAMES))
    parameters = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.2, "base_score": 0.5, "nthread": 1}
    return xgb.train(parameters, matrix, trees)


def store(
    data: Dataset, *, stage: str = "champion", version: str = "m1", booster: Any = None, **fields: Any
) -> ModelVersion:
    """Keep a signed model that learnt from the payments before the window."""
    learnt = data.where(~of_window(data))
    booster = booster or fitted(learnt)
    stored = ml.Stored(ml.save(booster), VERSION, 1.0, 0.0)
    model = ml.Model(version, VERSION, booster, 1.0, 0.0)
    values: dict[str, Any] = {
        "artefact": stored.trees,
        "signature": ml.sign(stored, key=settings.MODEL_SIGNING_KEY),
        "feature_version": VERSION,
        "libraries": stored.libraries,
        "reference": reference_of(learnt, NAMES, model.score(learnt.vectors)).to_json(),
        "labels_as_of": TRAINED_TO,
        "trained_from": FIRST,
        "trained_to": TRAINED_TO,
    }
    return ModelVersion.objects.create(version=version, stage=stage, **values | fields)
