"""Payments to learn from: random vectors in which a large amount at a risky shop is fraud."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from scoring.features.definitions import DAY, INDEX, NAMES, VERSION
from scoring.ml.datasets import Dataset
from scoring.models import Decision
from tests.factories import NOON

START = 1_760_000_000 // DAY * DAY


def make_vector(**values: float) -> np.ndarray:
    """A vector, missing where nothing is said."""
    vector = np.full(len(NAMES), np.nan, np.float32)
    for name, value in values.items():
        vector[INDEX[name]] = value
    return vector


def make_dataset(rows: int = 3000, *, days: int = 20, seed: int = 1) -> Dataset:
    """Payments evenly over `days`, about 5 in 100 of them fraud, each card with about ten payments."""
    chance = np.random.default_rng(seed)
    vectors = chance.gamma(1.0, 1.0, (rows, len(NAMES))).astype(np.float32)
    vectors[:, INDEX["card_km"]] = np.nan
    pull = vectors[:, INDEX["amount"]] + vectors[:, INDEX["merchant_fraud_rate_7d"]] - 5.5
    labels = (chance.random(rows) < 1.0 / (1.0 + np.exp(-2.0 * pull))).astype(np.int8)
    return Dataset(
        vectors=vectors,
        labels=labels,
        occurred_at=START + np.arange(rows, dtype=np.float64) * (days * DAY / rows),
        cards=chance.integers(0, rows // 10, rows),
        amounts=np.round(10.0 + 100.0 * vectors[:, INDEX["amount"]], 2).astype(np.float64),
        currencies=np.full(rows, "EUR"),
    )


def record_decisions(dataset: Dataset, *, first_at: datetime) -> Sequence[Decision]:
    """Store a data set as decisions, its first payment at `first_at`; labels stay out."""
    return Decision.objects.bulk_create(
        Decision(
            transaction_id=f"p{row:06d}",
            occurred_at=first_at + timedelta(seconds=float(dataset.occurred_at[row] - dataset.occurred_at[0])),
            received_at=NOON,
            decided_at=NOON,
            amount=f"{dataset.amounts[row]:.2f}",
            currency="EUR",
            card_id=f"card-{dataset.cards[row]}",
            merchant_id="m-nordic",
            record={},
            outcome="approve",
            latency_ms=1.0,
            features=dataset.vectors[row].tobytes(),
            feature_version=VERSION,
            policy_version=1,
            source="api",
        )
        for row in range(len(dataset))
    )
