"""Models: training one and keeping it signed. What becomes of it: `model_stages`; who decides: `line_up`."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from scoring.features.definitions import VERSION
from scoring.ml import model as ml
from scoring.ml.anomaly_bytes import pack
from scoring.ml.training import Budget, Progress, Step, Trained, TrainingImpossibleError
from scoring.models import ModelEvent, ModelVersion
from scoring.services.learning import Learnt, TrainingPeriod, learn
from scoring.services.line_up import champion, forget_champion, load_model
from scoring.services.locks import take_lock
from scoring.services.model_guards import LOCK
from scoring.services.model_stages import UnknownModelError, promote_model

# Any will do, as long as it stays: the same record then gives the same model.
SEED = 20180401


def train_model(
    period: TrainingPeriod,
    *,
    promote: bool,
    progress: Progress,
    budget: Budget = Budget(),  # noqa: B008 - it is frozen
    requested_by: User | None = None,
) -> ModelVersion:
    """Train on the record and keep the model: a candidate, or champion with `promote` or when it is the first.

    Raises:
        TrainingImpossibleError: the labels do not suffice. Nothing was stored.
    """
    learnt = learn(period, seed=SEED, budget=budget, progress=progress)
    stored = keep_model(learnt, period, promote=promote, requested_by=requested_by)
    progress(Step(f"Stored model {stored.version} as {stored.stage}", 1.0))
    return stored


# One transaction: a crash between the two must not leave the first model waiting for a promotion.
@transaction.atomic
def keep_model(
    learnt: Learnt, period: TrainingPeriod, *, promote: bool = False, requested_by: User | None = None
) -> ModelVersion:
    """Store a model; it is champion with `promote`, or when it is the first: of two at once, one."""
    take_lock(LOCK)
    is_first = not ModelVersion.objects.exists()
    stored = store_model(learnt.trained, period, facts=learnt.facts, requested_by=requested_by)
    if promote or is_first:
        promote_model(stored.version)
    stored.refresh_from_db()
    return stored


def store_model(
    trained: Trained,
    period: TrainingPeriod,
    *,
    facts: Mapping[str, Any] | None = None,
    requested_by: User | None = None,
) -> ModelVersion:
    """Sign and keep a trained model as a candidate. The same training again is the same row.

    facts: columns beside, such as its card.
    """
    anomaly = pack(trained.anomaly) if trained.anomaly is not None else b""
    made = ml.Stored(ml.save(trained.booster), VERSION, trained.slope, trained.intercept, anomaly)
    # Named by when and by what: the same trees with another calibration are another model.
    content = f"{made.slope!r} {made.intercept!r} {VERSION}".encode() + made.trees + made.anomaly
    digest = hashlib.sha256(content).hexdigest()[:10]
    stored, is_new = ModelVersion.objects.get_or_create(
        version=f"{period.labels_as_of:%Y%m%d-%H%M}-{digest}",
        defaults={
            "artefact": made.trees,
            "anomaly_artefact": made.anomaly,
            "signature": ml.sign(made, key=settings.MODEL_SIGNING_KEY),
            "feature_version": VERSION,
            "libraries": made.libraries,
            "calibration_slope": made.slope,
            "calibration_intercept": made.intercept,
            "parameters": trained.parameters,
            "metrics": trained.metrics,
            "labels_as_of": period.labels_as_of,
            "trained_from": period.start,
            "trained_to": period.end,
            "requested_by": requested_by,
            **(facts or {}),
        },
    )
    if is_new:
        ModelEvent.objects.create(model=stored, action=ModelEvent.Action.TRAINED, by=stored.requested_by)
    return stored


__all__ = [
    "TrainingImpossibleError",
    "TrainingPeriod",
    "UnknownModelError",
    "champion",
    "forget_champion",
    "keep_model",
    "load_model",
    "promote_model",
    "store_model",
    "train_model",
]
