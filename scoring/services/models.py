"""Models: training one and keeping it signed. What becomes of it: `model_stages`; who decides: `line_up`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from scoring import datasets
from scoring.features.definitions import VERSION
from scoring.ml import model as ml
from scoring.ml.training import Trained, TrainingImpossibleError, train
from scoring.models import ModelEvent, ModelVersion
from scoring.services.line_up import champion, forget_champion, load_model
from scoring.services.model_stages import UnknownModelError, promote_model

# Any will do, as long as it stays: the same record then gives the same model.
SEED = 20180401


@dataclass(frozen=True)
class TrainingPeriod:
    """Payments from `start` to before `end`, with the labels known at `labels_as_of`.

    A payment without a label counts as legitimate once it is `maturity` old by then, else it is left out.
    """

    start: datetime
    end: datetime
    labels_as_of: datetime
    maturity: timedelta


def train_model(period: TrainingPeriod, *, promote: bool, progress: Callable[[str], None]) -> ModelVersion:
    """Train on the record and keep the model: a candidate, or champion with `promote` or when it is the first.

    Raises:
        TrainingImpossibleError: the labels do not suffice. Nothing was stored.
    """
    progress(f"Reading payments from {period.start:%Y-%m-%d} to {period.end:%Y-%m-%d}")
    dataset = datasets.recorded_payments(
        period.start, period.end, labels_as_of=period.labels_as_of, maturity=period.maturity
    )
    progress(f"Training on {int((dataset.labels >= 0).sum()):,} payments, {dataset.frauds:,} of them fraud")
    trained = train(dataset, seed=SEED)
    # One transaction: a crash between the two must not leave the first model waiting for a promotion.
    with transaction.atomic():
        is_first = not ModelVersion.objects.exists()
        stored = store_model(trained, period)
        if promote or is_first:
            promote_model(stored.version)
    stored.refresh_from_db()
    progress(f"Stored model {stored.version} as {stored.stage}")
    return stored


def store_model(trained: Trained, period: TrainingPeriod) -> ModelVersion:
    """Sign and keep a trained model as a candidate. The same training again is the same row."""
    made = ml.Stored(ml.save(trained.booster), VERSION, trained.slope, trained.intercept)
    # Named by when and by what: the same trees with another calibration are another model.
    content = f"{made.slope!r} {made.intercept!r} {VERSION}".encode() + made.trees
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
            "metrics": trained.metrics,
            "labels_as_of": period.labels_as_of,
            "trained_from": period.start,
            "trained_to": period.end,
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
    "load_model",
    "promote_model",
    "store_model",
    "train_model",
]
