"""The model card: what a model learnt from, how good it is and for whom, what it leans on, and its limits. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import DAY, FEATURES, INDEX, Op
from scoring.ml.bootstrap import Ranked
from scoring.ml.datasets import Dataset
from scoring.ml.effects import importance
from scoring.ml.reference import calibration_points
from scoring.ml.training import LEAST_FRAUDS, Heldout, Trained

# A curve of so many points looks like the whole of it.
CURVE_POINTS = 100
SCORE_BINS = 20
AMOUNT_BANDS = (10.0, 50.0, 200.0, 1000.0)
# Below these a figure says little; the interval beside it says how little.
FEW_FRAUDS, MANY_MISSING, SHORT_DAYS = 100, 0.5, 14

Mask = NDArray[np.bool_]


def card_of(trained: Trained, dataset: Dataset, *, seed: int) -> dict[str, Any]:
    """What `ModelVersion.card` keeps; parts that nothing was held out for are empty.

    segments: kind, name, rows, frauds, and where frauds suffice figures and intervals. calibration: mean score, share
    of fraud, rows. precision_recall: recall, precision. scores: edges of 0-1, payments by bin, legitimate and fraud.
    importance: as `effects.importance`. limits: sentences.
    """
    heldout = trained.heldout
    return {
        "segments": _segments(heldout, seed) if heldout else [],
        "calibration": calibration_points(heldout.unseen_labels, heldout.unseen_scores) if heldout else [],
        "precision_recall": _curve(heldout) if heldout else [],
        "scores": _histogram(heldout) if heldout else {},
        "importance": importance(trained.booster, heldout.payments if heldout else dataset, seed=seed),
        "trials": list(trained.trials),
        "limits": limits(trained, dataset),
    }


def intervals_of(trained: Trained, *, seed: int) -> dict[str, Any]:
    """Figures at the alert share, and the interval of each figure of the ranking; empty without a held-out part."""
    if trained.heldout is None:
        return {}
    ranked = _ranked(trained.heldout, slice(None))
    figures = ranked.figures()
    return {
        "precision_at_alerts": figures["precision_at_alerts"],
        "recall_at_alerts": figures["recall_at_alerts"],
        "intervals": {name: list(ends) for name, ends in ranked.intervals(seed=seed).items()},
    }


def limits(trained: Trained, dataset: Dataset) -> list[str]:
    """What a reader of the figures should know, in sentences."""
    figures, said = trained.metrics, []
    if trained.heldout is None:
        said.append("The newest payments had too few frauds to measure it: how good it is is not known.")
    elif figures["holdout_frauds"] < FEW_FRAUDS:
        said.append(f"Its figures come from {figures['holdout_frauds']} frauds only: the intervals are wide.")
    if trained.heldout and trained.heldout.learnt_from < figures["rows"] - figures["holdout_rows"]:
        said.append(
            f"The trees that were measured learnt from {trained.heldout.learnt_from:,} payments; "
            f"those that are kept from all {figures['rows']:,}."
        )
    unknown = len(dataset) - figures["rows"]
    if unknown:
        said.append(f"{unknown:,} payments ({unknown / len(dataset):.0%}) had no known label and taught nothing.")
    days = (dataset.occurred_at[-1] - dataset.occurred_at[0]) / DAY
    if days < SHORT_DAYS:
        said.append(f"It saw {days:.0f} days: what comes monthly or with the season is unknown to it.")
    return said + _missing(dataset)


def _missing(dataset: Dataset) -> list[str]:
    """Entities that most payments do not name."""
    said = []
    for entity, words in (("device", "device"), ("ip", "network address"), ("customer", "customer")):
        places = [INDEX[feature.name] for feature in FEATURES if feature.entity == entity]
        share = min((float(np.isnan(dataset.vectors[:, place]).mean()) for place in places), default=0.0)
        if share > MANY_MISSING:
            said.append(f"{share:.0%} of the payments say nothing of the {words}: it hardly learnt from that.")
    return said


def _ranked(heldout: Heldout, rows: Mask | slice) -> Ranked:
    return Ranked(heldout.payments.labels[rows], heldout.scores[rows], heldout.payments.cards[rows])


def _segments(heldout: Heldout, seed: int) -> list[dict[str, Any]]:
    return [_segment(heldout, kind, name, rows, seed) for kind, name, rows in _parts(heldout.payments)]


def _segment(heldout: Heldout, kind: str, name: str, rows: Mask, seed: int) -> dict[str, Any]:
    frauds = int(heldout.payments.labels[rows].sum())
    said: dict[str, Any] = {"kind": kind, "name": name, "rows": int(rows.sum()), "frauds": frauds}
    if said["rows"]:
        said["mean_score"] = float(heldout.scores[rows].mean())
    if not LEAST_FRAUDS <= frauds < said["rows"]:
        return said
    ranked = _ranked(heldout, rows)
    figures = {name: figure for name, figure in ranked.figures().items() if name in ("average_precision", "auc_roc")}
    return said | figures | {"intervals": {name: list(ends) for name, ends in ranked.intervals(seed=seed).items()}}


def _parts(payments: Dataset) -> list[tuple[str, str, Mask]]:
    """Kind, name and rows of each segment; those with rows."""
    bands = np.searchsorted(AMOUNT_BANDS, payments.amounts, side="right")
    names = ["under 10", *(f"{low:,.0f} to {high:,.0f}" for low, high in _pairs(AMOUNT_BANDS)), "1,000 and more"]
    parts = [("Amount", name, bands == band) for band, name in enumerate(names)]
    for kind, op, on, off in _FLAGS:
        values = _column(payments, op)
        if values is not None:
            parts += [(kind, on, values == 1.0), (kind, off, values == 0.0)]
    age = _column(payments, Op.AGE)
    if age is not None:
        is_new = ~(age >= 7 * DAY)
        parts += [("Card", "first seen within 7 days", is_new), ("Card", "known for longer", ~is_new)]
    return [part for part in parts if part[2].any()]


# Kind of segment, the flag it goes by, and its names when on and off.
_FLAGS = (
    ("Channel", Op.REMOTE, "online or by phone", "card present"),
    ("Country", Op.CROSS_BORDER, "shop in another country", "same country, or not known"),
)


def _column(payments: Dataset, op: Op) -> NDArray[np.float32] | None:
    """Of the table's row of the payment or the card that is computed so; None where it has none."""
    row = next((one for one in FEATURES if one.op == op and one.entity in ("payment", "card")), None)
    return None if row is None else payments.vectors[:, INDEX[row.name]]


def _pairs(edges: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(edges[:-1], edges[1:], strict=True))


def _curve(heldout: Heldout) -> list[tuple[float, float]]:
    """Recall and precision at falling thresholds, at most CURVE_POINTS of about equal steps of recall."""
    order = np.argsort(-heldout.scores, kind="stable")
    caught = np.cumsum(heldout.payments.labels[order] == 1)
    ends = np.flatnonzero(np.append(np.diff(heldout.scores[order]) != 0, True))
    wanted = np.linspace(caught[ends[0]], caught[-1], CURVE_POINTS)
    chosen = ends[np.unique(np.searchsorted(caught[ends], wanted))]
    return [(float(caught[place] / caught[-1]), float(caught[place] / (place + 1))) for place in chosen]


def _histogram(heldout: Heldout) -> Mapping[str, Any]:
    edges = np.linspace(0.0, 1.0, SCORE_BINS + 1)
    is_fraud = heldout.payments.labels == 1
    counts = [np.histogram(heldout.scores[rows], edges)[0].tolist() for rows in (~is_fraud, is_fraud)]
    return {"edges": edges.tolist(), "legitimate": counts[0], "fraud": counts[1]}
