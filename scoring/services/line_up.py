"""The models of a process: loading one, and who decides, followed as the registry changes."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from scoring.metrics import MODELS_REFUSED
from scoring.ml import model as ml
from scoring.ml.line_up import LineUp
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import ModelVersion

logger = logging.getLogger(__name__)

Stage = ModelVersion.Stage

# Every process follows a change of who decides within this time.
RECHECK_SECONDS = 2.0


def load_model(row: ModelVersion) -> Model:
    """Verify a stored model and make it score.

    Raises:
        ModelRefusedError: with the reason.
    """
    return ml.load(stored_of(row), version=row.version, signature=row.signature, key=settings.MODEL_SIGNING_KEY)


@lru_cache(maxsize=32)
def refusal_of(version: str, signature: str) -> str:
    """Why no process lets this stored model decide; empty where it may. Signed anew it is looked at anew."""
    row = ModelVersion.objects.filter(version=version, signature=signature).first()
    try:
        if row is not None:
            load_model(row)
    except ModelRefusedError as error:
        return str(error)
    return ""


def stored_of(row: ModelVersion) -> ml.Stored:
    """All of a model that is signed."""
    return ml.Stored(
        bytes(row.artefact),
        row.feature_version,
        row.calibration_slope,
        row.calibration_intercept,
        bytes(row.anomaly_artefact),
        row.libraries,
    )


class _Named(NamedTuple):
    """A model that has a part in deciding. One signed anew is looked at anew."""

    version: str
    signature: str


@dataclass(frozen=True)
class _Known:
    """What a process knows. loaded: those it looked at, None for the refused: each is loaded, and logged, once."""

    line_up: LineUp[Model] = field(default_factory=lambda: LineUp(None))
    champion: _Named | None = None
    loaded: Mapping[_Named, Model | None] = field(default_factory=dict)
    shadowed: frozenset[str] = frozenset()


class _Following:
    """Who decides in this process, looked up again when that is longer ago than RECHECK_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = _Known()
        self._checked = float("-inf")
        self._was_looked_up = False

    def line_up(self) -> LineUp[Model]:
        """Champion and challenger.

        The last good champion while the newest is refused; none where there is none. A challenger that is refused
        leaves its cards to the champion.
        """
        return self._get().line_up

    def shadowed(self) -> frozenset[str]:
        """Versions of the models in shadow."""
        return self._get().shadowed

    def _get(self) -> _Known:
        """The last ones known while another thread asks, for that thread's connection may have gone silent."""
        if self._is_old() and self._lock.acquire(blocking=not self._was_looked_up):
            try:
                if self._is_old():
                    self._known = _look_up(self._known)
                    self._checked, self._was_looked_up = time.monotonic(), True
            finally:
                self._lock.release()
        return self._known

    def _is_old(self) -> bool:
        return time.monotonic() - self._checked > RECHECK_SECONDS

    def recheck(self) -> None:
        """Look at the next use whether anything changed."""
        self._checked = float("-inf")

    def forget(self) -> None:
        """Start as a new process does."""
        with self._lock:
            self._known, self._checked, self._was_looked_up = _Known(), float("-inf"), False


def _look_up(known: _Known) -> _Known:
    rows = list(
        ModelVersion.objects.filter(stage__in=[Stage.CHAMPION, Stage.CHALLENGER, Stage.SHADOW])
        .order_by("id")
        .values_list("stage", "version", "signature", "share")
    )
    named = {stage: _Named(version, signature) for stage, version, signature, _ in rows if stage != Stage.SHADOW}
    loaded = {
        name: known.loaded[name] if name in known.loaded else _load(stage, name, known) for stage, name in named.items()
    }
    champion = _champion(named.get(Stage.CHAMPION), loaded, known)
    challenger = loaded.get(named[Stage.CHALLENGER]) if Stage.CHALLENGER in named else None
    line_up = LineUp(champion)
    if champion is not None and challenger is not None:
        share = next(share or 0.0 for stage, _, _, share in rows if stage == Stage.CHALLENGER)
        line_up = LineUp(champion, challenger, share, salt=challenger.version)
    shadowed = frozenset(version for stage, version, _, _ in rows if stage == Stage.SHADOW)
    return _Known(line_up, named.get(Stage.CHAMPION), loaded, shadowed)


def _load(stage: str, name: _Named, known: _Known) -> Model | None:
    row = ModelVersion.objects.filter(version=name.version, signature=name.signature).first()
    if row is None:
        return None  # signed anew between the two queries; the next look finds it
    try:
        model = load_model(row)
    except ModelRefusedError as error:
        MODELS_REFUSED.labels(stage).inc()
        champion = known.line_up.champion
        logger.error("refused as %s: %s; %s stays", stage, error, champion.version if champion else "no model")
        return None
    logger.info("model %s is the %s", name.version, stage)
    return model


def _champion(name: _Named | None, loaded: Mapping[_Named, Model | None], known: _Known) -> Model | None:
    if name is not None:
        return loaded[name] or known.line_up.champion
    if known.champion is not None:
        logger.warning("no model is champion any more: rules alone decide")
    return None


def champion() -> Model | None:
    """The champion; the last good one while the newest is refused; None where there is none."""
    return _following.line_up().champion


_following = _Following()
line_up = _following.line_up
shadowed_models = _following.shadowed
recheck_models = _following.recheck
forget_champion = _following.forget
