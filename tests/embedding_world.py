"""A champion with an autoencoder, and payments of two kinds that it tells apart."""

from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from scoring.features.definitions import FEATURES, NAMES, VERSION
from scoring.ml.anomaly import Anomaly
from scoring.ml.anomaly_training import fit_anomaly
from scoring.ml.training import Trained, train
from scoring.models import Decision, ModelVersion
from scoring.services.models import TrainingPeriod, forget_champion, promote_model, store_model
from tests.factories import DAY, NOON, make_decision
from tests.scoring.ml_data import make_dataset

# Features of a card that pays fast, and of a payment that is large.
BUSY = np.array([row.unit == "payments" for row in FEATURES])
LARGE = np.array([row.unit in ("money", "times") for row in FEATURES])


@cache
def _trained() -> Trained:
    return train(make_dataset(), seed=1)


@cache
def _anomaly(seed: int) -> Anomaly:
    """Learnt from usual payments and a few of both kinds."""
    usual = make_dataset(3000, seed=3).vectors
    kinds = [vector(kind, number) for kind in ("busy", "large") for number in range(50)]
    fitted = fit_anomaly(np.vstack([usual, *kinds]), seed=seed)
    assert fitted is not None
    return fitted


def make_champion(seed: int = 1, *, has_anomaly: bool = True) -> ModelVersion:
    """The model of this seed, in force."""
    trained, anomaly = _trained(), _anomaly(seed) if has_anomaly else None
    parts = Trained(trained.booster, trained.slope, trained.intercept, trained.metrics, anomaly=anomaly)
    as_of = NOON + timedelta(minutes=seed)
    stored = store_model(parts, TrainingPeriod(NOON - DAY, NOON, labels_as_of=as_of, maturity=DAY))
    promote_model(stored.version)
    # As its processes do when the promotion is committed; a test's transaction never is.
    forget_champion()
    return stored


def vector(kind: str, number: int = 0) -> np.ndarray:
    """float32 (features,): usual but for what the kind is large in."""
    found = make_dataset(300, seed=100 + number).vectors[number % 300].copy()
    found[np.isnan(found)] = 1.0
    if kind == "busy":
        found[BUSY] = 40.0
    if kind == "large":
        found[LARGE] = 900.0
    assert found.shape == (len(NAMES),)
    return found


def make_embeddable(kind: str = "busy", number: int = 0, **values: Any) -> Decision:
    """A flagged payment of the kind, of its own card unless one is named."""
    values = {"card_id": f"card-{kind}-{number}", "features": vector(kind, number).tobytes()} | values
    return make_decision(**{"feature_version": VERSION} | values)
