"""Distributions of what a model learnt from: drift is a distance from them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.ml.datasets import FRAUD, UNKNOWN, Dataset

# Twenty parts of equal count are usual for a PSI; a score is also mapped quantile by quantile, in hundredths.
FEATURE_EDGES, SCORE_EDGES = 20, 101
# As `metrics.CALIBRATION_BINS`.
CALIBRATION_BINS = 20

Floats = NDArray[np.float32] | NDArray[np.float64]


class ReferenceUnreadableError(Exception):
    """It is not what `to_json` writes; the message names what is wrong."""


@dataclass(frozen=True)
class Distribution:
    """Quantiles of values, rising, and how many values lie between them.

    edges: from the least to the greatest value, each different; none where all values were missing.
    counts: one more than edges: below the first edge (0 while training), from each edge (included) to the next
    (not included), and from the last edge on. A value that many rows share is an edge, so flags have a bin each.
    """

    edges: Sequence[float]
    counts: Sequence[int]

    def count(self, values: Floats) -> list[int]:
        """How many of other values fall into the same bins; missing ones (NaN) fall into none."""
        return counts_between(self.edges, values)


@dataclass(frozen=True)
class Reference:
    """What traffic and score looked like while training.

    rows: payments of the training time, also those without a known label. missing: feature -> share of rows without a
    value, 0-1. features: feature -> its values. score: calibrated scores of the newest part of the time by trees that
    had not seen it (of all rows where that part could not be held out). anomaly: anomaly scores, None without an
    autoencoder. label_rate: fraud among the known labels, 0-1. calibration: mean score, share of fraud and rows of bins
    of equal count, by rising score; empty without a held-out part.
    """

    rows: int
    missing: Mapping[str, float]
    features: Mapping[str, Distribution]
    score: Distribution
    label_rate: float
    calibration: Sequence[tuple[float, float, int]] = ()
    anomaly: Distribution | None = None

    def to_json(self) -> dict[str, Any]:
        """As `ModelVersion.reference` keeps it."""
        written = {
            "rows": self.rows,
            "missing": dict(self.missing),
            "edges": {name: list(one.edges) for name, one in self.features.items()},
            "counts": {name: list(one.counts) for name, one in self.features.items()},
            "score": _written(self.score),
            "label_rate": self.label_rate,
            "calibration": [list(one) for one in self.calibration],
        }
        return written | ({"anomaly": _written(self.anomaly)} if self.anomaly else {})

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Reference":
        """Read what `to_json` wrote.

        Raises:
            ReferenceUnreadableError: also for models that were stored before they had one.
        """
        if not kept:
            raise ReferenceUnreadableError("The model has no reference: it was stored before models kept one.")
        try:
            return cls(
                rows=int(kept["rows"]),
                missing={name: float(share) for name, share in kept["missing"].items()},
                features={
                    name: _read({"edges": edges, "counts": kept["counts"][name]})
                    for name, edges in kept["edges"].items()
                },
                score=_read(kept["score"]),
                label_rate=float(kept["label_rate"]),
                calibration=[(float(mean), float(share), int(rows)) for mean, share, rows in kept["calibration"]],
                anomaly=_read(kept["anomaly"]) if kept.get("anomaly") else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReferenceUnreadableError(f"The model's reference cannot be read: {error!r}.") from error


def distribution(values: Floats, edges: int) -> Distribution:
    """Quantiles of values, `edges` of them at most; missing ones (NaN) are left out."""
    ordered = np.sort(values)  # NaN comes last
    ordered = ordered[: len(ordered) - int(np.isnan(ordered).sum())]
    if not len(ordered):
        return Distribution([], [0])
    places = np.linspace(0, len(ordered) - 1, edges).round().astype(np.int64)
    cuts = np.unique(ordered[places])
    inside = np.diff(np.searchsorted(ordered, cuts), append=len(ordered))
    return Distribution([float(cut) for cut in cuts], [0, *(int(count) for count in inside)])


def counts_between(edges: Sequence[float], values: Floats) -> list[int]:
    """How many values lie below the first edge, from each to the next, and from the last on; NaN in none."""
    present = values[~np.isnan(values)]
    bins = np.searchsorted(np.asarray(edges, present.dtype), present, side="right")
    return [int(count) for count in np.bincount(bins, minlength=len(edges) + 1)]


def reference_of(
    dataset: Dataset,
    names: Sequence[str],
    scores: Floats,
    *,
    calibration: Sequence[tuple[float, float, int]] = (),
    anomaly: Floats | None = None,
) -> Reference:
    """Distributions of a data set (at least one row) and of scores. Memory: one column beside the data set."""
    columns = {name: dataset.vectors[:, place] for place, name in enumerate(names)}
    known = int(np.sum(dataset.labels != UNKNOWN))
    return Reference(
        rows=len(dataset),
        missing={name: float(np.isnan(column).mean()) for name, column in columns.items()},
        features={name: distribution(column, FEATURE_EDGES) for name, column in columns.items()},
        score=distribution(scores, SCORE_EDGES),
        label_rate=float(np.sum(dataset.labels == FRAUD)) / max(known, 1),
        calibration=calibration,
        anomaly=None if anomaly is None else distribution(anomaly, SCORE_EDGES),
    )


def calibration_points(labels: NDArray[np.int8], scores: NDArray[np.float64]) -> list[tuple[float, float, int]]:
    """Mean score, share of fraud and rows of bins of equal count, by rising score. labels: 0 or 1."""
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]
    return [(float(scores[part].mean()), float(labels[part].mean()), len(part)) for part in parts]


def _written(one: Distribution) -> dict[str, Any]:
    return {"edges": list(one.edges), "counts": list(one.counts)}


def _read(kept: Mapping[str, Any]) -> Distribution:
    edges, counts = [float(edge) for edge in kept["edges"]], [int(count) for count in kept["counts"]]
    if len(counts) != len(edges) + 1:
        raise ValueError(f"{len(counts)} counts for {len(edges)} edges")
    return Distribution(edges, counts)
