"""Small models that score, as they are kept, and the steps they take."""

from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import xgboost as xgb
from django.conf import settings

from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.ml import model as ml
from scoring.models import ModelEvent, ModelVersion
from scoring.services.line_up import recheck_models
from tests.factories import DAY, NOON


@cache
def trees(seed: int = 1) -> bytes:
    """Eight trees for which a large amount is fraud; other seeds learnt from other payments."""
    chance = np.random.default_rng(seed)
    vectors = chance.gamma(1.0, 20.0, (400, len(NAMES))).astype(np.float32)
    labels = vectors[:, INDEX["amount"]] + chance.normal(0.0, 5.0, 400) > 30.0
    matrix = xgb.DMatrix(vectors, labels, feature_names=list(NAMES), nthread=1)
    settings_ = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.5, "base_score": 0.5, "nthread": 1}
    return ml.save(xgb.train(settings_ | {"seed": seed}, matrix, 8))


def make_model(
    version: str = "m-1", *, seed: int = 1, feature_version: str = VERSION, slope: float = 1.0,
    artefact: bytes | None = None, libraries: dict[str, str] | None = None, key: str | None = None, **values: Any,
) -> ModelVersion:  # fmt: skip
    """A candidate, signed as it is."""
    stored = ml.Stored(
        trees(seed) if artefact is None else artefact, feature_version, slope, 0.0,
        libraries=ml.libraries() if libraries is None else libraries,
    )  # fmt: skip
    facts: dict[str, Any] = {
        "labels_as_of": NOON, "trained_from": NOON - 30 * DAY, "trained_to": NOON, "stage_since": NOON,
        "metrics": {"auc_pr": 0.5},
    }  # fmt: skip
    return ModelVersion.objects.create(
        version=version, artefact=stored.trees, feature_version=feature_version, calibration_slope=slope,
        libraries=dict(stored.libraries), signature=ml.sign(stored, key=key or settings.MODEL_SIGNING_KEY),
        **facts | values,
    )  # fmt: skip


def make_champion(version: str = "m-0", *, seed: int = 0, **values: Any) -> ModelVersion:
    """The model that decides; one before it stays as it is."""
    model = make_model(version, seed=seed, stage="champion", promoted_at=NOON, **values)
    recheck_models()
    return model


def events_of(model: ModelVersion) -> list[tuple[str, str | None, str]]:
    """What was done, by whom, with which words, in order."""
    rows = ModelEvent.objects.filter(model=model).order_by("id").select_related("by")
    return [(row.action, row.by.username if row.by else None, row.note) for row in rows]


def stages() -> dict[str, str]:
    return dict(ModelVersion.objects.values_list("version", "stage"))


LATER: datetime = NOON + DAY
