"""Models: training one, keeping it signed, making it the champion, and the champion each process holds."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from scoring import datasets
from scoring.features.definitions import VERSION
from scoring.ml import model as ml
from scoring.ml.anomaly_bytes import pack
from scoring.ml.anomaly_training import fit_anomaly
from scoring.ml.model import Model, ModelRefusedError
from scoring.ml.training import Trained, TrainingImpossibleError, train
from scoring.models import ModelVersion

logger = logging.getLogger(__name__)

Stage = ModelVersion.Stage

# Every process follows a new champion within this time.
RECHECK_SECONDS = 2.0
# Any will do, as long as it stays: the same record then gives the same model.
SEED = 20180401


class UnknownModelError(Exception):
    """No model has this version. Nothing changed."""


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
    trained = replace(train(dataset, seed=SEED), anomaly=fit_anomaly(dataset.vectors, seed=SEED))
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
    anomaly = pack(trained.anomaly) if trained.anomaly is not None else b""
    made = ml.Stored(ml.save(trained.booster), VERSION, trained.slope, trained.intercept, anomaly)
    # Named by when and by what: the same trees with another calibration are another model.
    content = f"{made.slope!r} {made.intercept!r} {VERSION}".encode() + made.trees + made.anomaly
    digest = hashlib.sha256(content).hexdigest()[:10]
    stored, _ = ModelVersion.objects.get_or_create(
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
    return stored


@transaction.atomic
def promote_model(version: str) -> None:
    """Make a model the champion and retire the one before, in one step. The champion again changes nothing.

    Raises:
        UnknownModelError: nothing changed.
        ModelRefusedError: it would not be loaded by the processes that score; nothing changed.
    """
    # All rows, always in one order: of two promotions at once the second waits, then sees what the first did.
    rows = {row.version: row for row in ModelVersion.objects.select_for_update().order_by("id")}
    if version not in rows:
        raise UnknownModelError(version)
    load_model(rows[version])
    ModelVersion.objects.filter(stage=Stage.CHAMPION).exclude(version=version).update(stage=Stage.RETIRED)
    promoted = ModelVersion.objects.filter(version=version).exclude(stage=Stage.CHAMPION).update(stage=Stage.CHAMPION)
    if promoted:
        transaction.on_commit(_champion.recheck)


def load_model(row: ModelVersion) -> Model:
    """Verify a stored model and make it score.

    Raises:
        ModelRefusedError: with the reason.
    """
    stored = ml.Stored(
        bytes(row.artefact),
        row.feature_version,
        row.calibration_slope,
        row.calibration_intercept,
        bytes(row.anomaly_artefact),
        row.libraries,
    )
    return ml.load(stored, version=row.version, signature=row.signature, key=settings.MODEL_SIGNING_KEY)


class _Champion:
    """The champion of this process, looked up again when that is longer ago than RECHECK_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: Model | None = None
        # Version and signature of what was looked at last: a refused model is loaded, and logged, once.
        self._seen: tuple[str, str] | None = None
        self._checked = float("-inf")
        self._was_looked_up = False

    def get(self) -> Model | None:
        """The champion; the last good one while the newest is refused; None where there is none.

        While another thread asks it is the last one known, for that thread's connection may have gone silent.
        """
        if self._is_old() and self._lock.acquire(blocking=not self._was_looked_up):
            try:
                if self._is_old():
                    self._follow()
                    self._checked, self._was_looked_up = time.monotonic(), True
            finally:
                self._lock.release()
        return self._model

    def _is_old(self) -> bool:
        return time.monotonic() - self._checked > RECHECK_SECONDS

    def recheck(self) -> None:
        """Look at the next use whether the champion changed."""
        self._checked = float("-inf")

    def forget(self) -> None:
        """Start as a new process does."""
        with self._lock:
            self._model, self._seen, self._checked = None, None, float("-inf")
            self._was_looked_up = False

    def _follow(self) -> None:
        champions = ModelVersion.objects.filter(stage=Stage.CHAMPION)
        newest = champions.values_list("version", "signature").first()
        if newest == self._seen:
            return
        if newest is None:
            self._model, self._seen = None, None
            logger.warning("no model is champion: rules alone decide")
            return
        try:
            self._model = load_model(champions.get(version=newest[0]))
            logger.info("model %s is the champion", newest[0])
        except ModelVersion.DoesNotExist:
            return  # replaced between the two queries; the next look finds the new one
        except ModelRefusedError as error:
            kept = self._model.version if self._model else "no model"
            logger.error("refused: %s; %s stays", error, kept)
        self._seen = newest


_champion = _Champion()
champion = _champion.get
forget_champion = _champion.forget

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
