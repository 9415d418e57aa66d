"""A trained model that scores: calibrated probabilities, contributions, and its signed bytes. Pure."""

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from scoring.features.definitions import NAMES, VERSION
from scoring.ml.anomaly import Anomaly
from scoring.ml.anomaly_bytes import AnomalyRefusedError, unpack
from scoring.ml.tree_splits import Splits, splits_of

# More threads cost milliseconds of jitter on a single row; scale is more processes.
SCORING_THREADS = 1


class ModelRefusedError(Exception):
    """The artefact must not score; the message says why. Nothing was loaded."""


@dataclass(frozen=True)
class Model:
    """An XGBoost model, the straight line that calibrates its margins, and the autoencoder beside it, if any."""

    version: str
    feature_version: str
    booster: xgb.Booster
    slope: float
    intercept: float
    anomaly: Anomaly | None = None

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability of fraud for each row of float32 (n, features), NaN where missing."""
        if not len(vectors):
            return np.empty(0)
        return calibrated(margins(self.booster, vectors), self.slope, self.intercept)

    def anomalies(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Anomaly score of each row, 0-1; NaN without an autoencoder."""
        return np.full(len(vectors), np.nan) if self.anomaly is None else self.anomaly.score(vectors)

    @cached_property
    def splits(self) -> Splits:
        """Where its trees part; reading them takes a fifth of a second, once."""
        return splits_of(self.booster)

    def log_odds(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated margin of each row: what its contributions add up to, and `score` is the probability of."""
        if not len(vectors):
            return np.empty(0)
        return self.slope * margins(self.booster, vectors) + self.intercept

    def contributions(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds each feature adds, float32 (n, features + 1), the last column the base.

        A row adds up to the calibrated margin. Source: Lundberg et al., "Consistent Individualized Feature
        Attribution for Tree Ensembles", arXiv:1802.03888 (exact TreeSHAP).
        """
        if not len(vectors):
            return np.empty((0, len(NAMES) + 1), np.float32)
        # The names were checked when the model was read; once more they take as long as a quarter of one row's trees.
        matrix = xgb.DMatrix(vectors, nthread=SCORING_THREADS)
        found = self.booster.predict(matrix, pred_contribs=True, validate_features=False)
        shares: NDArray[np.float32] = found * np.float32(self.slope)
        shares[:, -1] += np.float32(self.intercept)
        return shares


def margins(booster: xgb.Booster, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Uncalibrated log-odds of each row."""
    return np.asarray(booster.inplace_predict(vectors, predict_type="margin"), np.float64)


def calibrated(margin: NDArray[np.float64], slope: float, intercept: float) -> NDArray[np.float64]:
    """Probability of a margin. Source: J. Platt, "Probabilistic outputs for SVMs" (1999)."""
    return np.asarray(1.0 / (1.0 + np.exp(-(slope * margin + intercept))))


def save(booster: xgb.Booster) -> bytes:
    """UBJSON. The only form a model is kept in: pickles run code when they are read."""
    return bytes(booster.save_raw(raw_format="ubj"))


def libraries() -> dict[str, str]:
    """Name -> version of what trains and scores here."""
    return {"numpy": np.__version__, "xgboost": xgb.__version__}


@dataclass(frozen=True)
class Stored:
    """A model as it is kept: all that decides a score, and what it was made with (library name -> version).

    trees: UBJSON. anomaly: the autoencoder beside them, empty without one.
    """

    trees: bytes
    feature_version: str
    slope: float
    intercept: float
    anomaly: bytes = b""
    libraries: Mapping[str, str] = field(default_factory=libraries)


def sign(stored: Stored, *, key: str) -> str:
    """HMAC-SHA-256, hex, over every part."""
    # JSON writes floats so that they read back bit by bit, and never a zero byte: its end is unambiguous. The lengths
    # say where the trees end and the autoencoder begins.
    facts = [
        stored.feature_version, float(stored.slope), float(stored.intercept), sorted(stored.libraries.items()),
        len(stored.trees), len(stored.anomaly),
    ]  # fmt: skip
    signed = json.dumps(facts).encode() + b"\0" + stored.trees + stored.anomaly
    return hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


def load(stored: Stored, *, version: str, signature: str, key: str) -> Model:
    """Check a stored model and make it score.

    Raises:
        ModelRefusedError: libraries that cannot be read, wrong signature (xgboost saw no byte of it: a tampered file
            can crash the process), features of another table, a calibration that would turn the order of scores, or a
            damaged autoencoder.
    """
    versions = stored.libraries
    if not (isinstance(versions, dict) and all(isinstance(one, str) for one in versions.values())):
        raise ModelRefusedError(f"model {version}: its libraries are not names with versions")
    if not hmac.compare_digest(sign(stored, key=key).encode(), signature.encode()):
        raise ModelRefusedError(f"model {version}: wrong signature, it was changed or signed with another key")
    if stored.feature_version != VERSION:
        raise ModelRefusedError(f"model {version} reads features of version {stored.feature_version}, not {VERSION}")
    slope, intercept = stored.slope, stored.intercept
    if not (math.isfinite(intercept) and math.isfinite(slope) and slope > 0.0):
        raise ModelRefusedError(f"model {version}: the calibration {slope} x margin + {intercept} is not rising")
    anomaly = _anomaly_of(stored.anomaly, version)
    return Model(version, stored.feature_version, _booster_of(stored.trees, version), slope, intercept, anomaly)


def _anomaly_of(artefact: bytes, version: str) -> Anomaly | None:
    try:
        return unpack(artefact) if artefact else None
    except AnomalyRefusedError as error:
        raise ModelRefusedError(f"model {version}: {error}") from error


def _booster_of(artefact: bytes, version: str) -> xgb.Booster:
    booster = xgb.Booster({"nthread": SCORING_THREADS})
    try:
        booster.load_model(bytearray(artefact))
    except xgb.core.XGBoostError as error:
        raise ModelRefusedError(f"model {version} is no XGBoost model") from error
    if booster.num_features() != len(NAMES):
        raise ModelRefusedError(f"model {version} reads {booster.num_features()} features, not {len(NAMES)}")
    if booster.feature_names != list(NAMES):
        raise ModelRefusedError(f"model {version} reads features of other names than the table's")
    booster.set_param({"nthread": SCORING_THREADS})
    return booster
