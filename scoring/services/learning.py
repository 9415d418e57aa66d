"""Learning from the record: read it, train, and write down all that is to be known of the model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from scoring.datasets import recorded_payments
from scoring.features.definitions import NAMES, VERSION
from scoring.ml.anomaly_training import fit_anomaly
from scoring.ml.card import card_of, intervals_of
from scoring.ml.datasets import FRAUD, LEGITIMATE, UNKNOWN, Dataset, split_by_time
from scoring.ml.model import Model
from scoring.ml.reference import reference_of
from scoring.ml.training import HOLDOUT, Budget, Progress, Step, Trained, part_of, train
from scoring.models import Label
from scoring.recorded import Counted, Period, count_rows, count_sources

# Shares of the work up to which it is read, and trained; the rest is the card.
_READ, _TRAINED, _ENCODED = 0.15, 0.75, 0.85

# Share of the newest payments without a label from which those that have one say little of all.
MANY_UNKNOWN = 0.1


@dataclass(frozen=True)
class TrainingPeriod:
    """Payments from `start` to before `end`, with the labels known at `labels_as_of`.

    A payment without a label counts as legitimate once it is `maturity` old by then, else it is left out.
    """

    start: datetime
    end: datetime
    labels_as_of: datetime
    maturity: timedelta


@dataclass(frozen=True)
class Learnt:
    """A trained model, and the columns of `ModelVersion` that say what is known of it."""

    trained: Trained
    facts: Mapping[str, Any]


def learn(period: TrainingPeriod, *, seed: int, budget: Budget, progress: Progress) -> Learnt:
    """Train on the record. What `progress` raises ends it.

    Raises:
        TrainingImpossibleError: the labels do not suffice.
    """
    read = Period(period.start, period.end, period.labels_as_of)
    words = f"Reading payments from {period.start:%Y-%m-%d} to {period.end:%Y-%m-%d}"
    progress(Step(words, 0.0))
    counted = count_rows(read)
    tell = part_of(progress, words, 0.0, _READ)
    dataset = recorded_payments(
        period.start, period.end, labels_as_of=period.labels_as_of, maturity=period.maturity,
        progress=lambda rows: tell(rows / max(counted.readable, 1)),
    )  # fmt: skip
    trained = train(
        dataset, seed=seed, budget=budget,
        progress=lambda step: progress(Step(step.words, _READ + (_TRAINED - _READ) * step.done)),
    )  # fmt: skip
    progress(Step("Learning what is usual, without labels", _TRAINED))
    trained = replace(trained, anomaly=fit_anomaly(dataset.vectors, seed=seed))
    progress(Step("Writing the model card", _ENCODED))
    card, manifest = card_of(trained, dataset, seed=seed), _manifest(period, read, counted, dataset)
    card["limits"] += _limits(manifest, period) + _too_young(dataset)
    progress(Step("Writing the model card", 0.95))
    facts = {
        "metrics": trained.metrics | intervals_of(trained, seed=seed),
        "card": card,
        "dataset": manifest,
        "reference": _reference(trained, dataset, card).to_json(),
    }
    return Learnt(trained, facts)


def _reference(trained: Trained, dataset: Dataset, card: Mapping[str, Any]) -> Any:
    if trained.heldout is not None:
        scores = trained.heldout.scores
    else:
        scores = Model("", VERSION, trained.booster, trained.slope, trained.intercept).score(dataset.vectors)
    return reference_of(dataset, NAMES, scores, calibration=card["calibration"])


def _manifest(period: TrainingPeriod, read: Period, counted: Counted, dataset: Dataset) -> dict[str, Any]:
    """What was learnt from: enough to read the same again, and to see that it is the same."""
    sources = count_sources(read)
    said = sum(payments for labels in sources.values() for payments in labels.values())
    kinds = {"fraud": FRAUD, "legitimate": LEGITIMATE, "unknown": UNKNOWN}
    return {
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "labels_as_of": period.labels_as_of.isoformat(),
        "maturity_days": period.maturity / timedelta(days=1),
        "settle_days": dict(settings.LABEL_SETTLE_DAYS),
        "feature_version": VERSION,
        "rows": len(dataset),
        "labels": {name: int((dataset.labels == code).sum()) for name, code in kinds.items()},
        "label_sources": sources,
        "labelled": said,
        "left_out": {
            "made_without_store": counted.made_without_store,
            "other_features": counted.other_features,
            "broken_vectors": counted.broken_vectors,
        },
        "sha256": _digest(dataset),
    }


def _digest(dataset: Dataset) -> str:
    """SHA-256 over the columns, in their order."""
    digest = hashlib.sha256()
    for column in fields(dataset):
        digest.update(memoryview(getattr(dataset, column.name)).cast("B"))
    return digest.hexdigest()


def _too_young(dataset: Dataset) -> list[str]:
    """That many of the newest payments are not known yet, and what may follow from it."""
    older, newest = split_by_time(dataset, HOLDOUT)
    unknown = float((newest.labels == UNKNOWN).mean()) if len(newest) else 0.0
    if unknown < MANY_UNKNOWN:
        return []
    return [
        f"{unknown:.0%} of the newest payments had no known label and were left out; of the others {_fraud(newest):.1%}"
        f" were fraud, of those before {_fraud(older):.1%}. It was measured and calibrated on these: where fraud is"
        " known sooner than good payments are, its scores are too high and its figures too good. Train on older ones."
    ]


def _fraud(payments: Dataset) -> float:
    """The share of fraud among those whose label is known."""
    return payments.frauds / max(int((payments.labels != UNKNOWN).sum()), 1)


def _limits(manifest: Mapping[str, Any], period: TrainingPeriod) -> list[str]:
    """What the labels do not say."""
    sources, labels, said = manifest["label_sources"], manifest["labels"], []
    frauds = {source: counts.get("fraud", 0) for source, counts in sources.items()}
    if frauds.get(Label.Source.ANALYST, 0) == sum(frauds.values()):
        said.append("All its frauds are analysts' verdicts: what nobody looked at was never found to be fraud.")
    taken = labels["fraud"] + labels["legitimate"] - manifest["labelled"]
    if taken > 0:
        said.append(
            f"{taken:,} payments count as legitimate only because no label came within {period.maturity.days} days."
        )
    left_out = sum(manifest["left_out"].values())
    if left_out:
        said.append(f"{left_out:,} payments were left out: their vectors are not what the model will see.")
    return said
