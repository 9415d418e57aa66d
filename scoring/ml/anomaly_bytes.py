"""An autoencoder as bytes, and back: raw arrays in msgpack, nothing that could run. Pure."""

from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import NAMES, VERSION
from scoring.ml.anomaly import WIDTH, Anomaly, Floats

# A network of 500 features takes 250 kB; more is none of ours.
MAX_BYTES = 4_000_000
LAYERS = 4


class AnomalyRefusedError(ValueError):
    """The bytes are no autoencoder that may score here; the message says why."""


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    """Little-endian: float32, `errors` float64. A matrix lies row by row; its columns are as many as its biases."""

    feature_version: str
    centre: bytes
    spread: bytes
    weights: list[bytes]
    biases: list[bytes]
    middle_centre: bytes
    middle_spread: bytes
    errors: bytes
    format: Literal[1] = 1


def pack(anomaly: Anomaly) -> bytes:
    return msgspec.msgpack.encode(
        _Packed(
            feature_version=VERSION,
            centre=_raw(anomaly.centre), spread=_raw(anomaly.spread),
            weights=[_raw(each) for each in anomaly.weights], biases=[_raw(each) for each in anomaly.biases],
            middle_centre=_raw(anomaly.middle_centre), middle_spread=_raw(anomaly.middle_spread),
            errors=anomaly.errors.astype("<f8").tobytes(),
        )
    )  # fmt: skip


def unpack(artefact: bytes) -> Anomaly:
    """Read and check an autoencoder; 0 bytes are none, ask for it before.

    Raises:
        AnomalyRefusedError: too long, damaged, of another feature table, or with numbers that could not score.
    """
    if len(artefact) > MAX_BYTES:
        raise AnomalyRefusedError(f"the autoencoder has {len(artefact)} bytes, at most {MAX_BYTES} are read")
    try:
        packed = msgspec.msgpack.decode(artefact, type=_Packed)
    except msgspec.MsgspecError as error:
        raise AnomalyRefusedError(f"the autoencoder cannot be read: {error}") from error
    if packed.feature_version != VERSION:
        raise AnomalyRefusedError(f"the autoencoder reads features of version {packed.feature_version}, not {VERSION}")
    if (len(packed.weights), len(packed.biases)) != (LAYERS, LAYERS):
        raise AnomalyRefusedError(f"the autoencoder has {len(packed.weights)} layers, not {LAYERS}")
    first, second, third, fourth = biases = [_floats(each, "biases") for each in packed.biases]
    w0, w1, w2, w3 = _weights(packed.weights, biases)
    return Anomaly(
        centre=_floats(packed.centre, "centre", len(NAMES)), spread=_above_zero(packed.spread, "spread", len(NAMES)),
        weights=(w0, w1, w2, w3), biases=(first, second, third, fourth),
        middle_centre=_floats(packed.middle_centre, "middle_centre", WIDTH),
        middle_spread=_above_zero(packed.middle_spread, "middle_spread", WIDTH),
        errors=_errors(packed.errors),
    )  # fmt: skip


def _raw(array: Floats) -> bytes:
    return array.astype("<f4").tobytes()


def _weights(parts: list[bytes], biases: list[Floats]) -> list[Floats]:
    """Each matrix as wide as its biases, and as high as the layer before."""
    units = [2 * len(NAMES), *(len(each) for each in biases)]
    if (units[2], units[-1]) != (WIDTH, len(NAMES)):
        raise AnomalyRefusedError(f"the autoencoder embeds in {units[2]} numbers and draws {units[-1]} features")
    return [
        _floats(part, "weights", high * wide).reshape(high, wide)
        for part, (high, wide) in zip(parts, pairwise(units), strict=True)
    ]


def _floats(part: bytes, name: str, size: int | None = None) -> Floats:
    found = _finite(part, name, "<f4").astype(np.float32)
    if size is not None and len(found) != size:
        raise AnomalyRefusedError(f"the autoencoder's {name} are {len(found)} numbers, not {size}")
    return found


def _above_zero(part: bytes, name: str, size: int) -> Floats:
    found = _floats(part, name, size)
    if not (found > 0.0).all():
        raise AnomalyRefusedError(f"the autoencoder's {name} is not above 0 everywhere")
    return found


def _errors(part: bytes) -> NDArray[np.float64]:
    found = _finite(part, "errors", "<f8").astype(np.float64)
    if len(found) < 2 or found[0] < 0.0 or (np.diff(found) < 0.0).any():
        raise AnomalyRefusedError("the autoencoder's errors do not rise from 0 or more")
    return found


def _finite(part: bytes, name: str, kind: str) -> NDArray[np.floating]:
    size = np.dtype(kind).itemsize
    if not part or len(part) % size:
        raise AnomalyRefusedError(f"the autoencoder's {name} have {len(part)} bytes, not a number of {size} each")
    found = np.frombuffer(part, kind)
    if not np.isfinite(found).all():
        raise AnomalyRefusedError(f"the autoencoder's {name} are not finite everywhere")
    return found
