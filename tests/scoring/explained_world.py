"""Decisions of a trained model, and their explanations made as the relay makes them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from scoring.features.definitions import INDEX
from scoring.features.live import MemoryStore
from scoring.ml.datasets import Dataset
from scoring.ml.training import Trained, train
from scoring.models import Decision, Explanation, ModelVersion, Outbox
from scoring.services.explaining import explain_decisions
from scoring.services.models import SEED, TrainingPeriod, promote_model, store_model
from scoring.transaction import Transaction
from tests.factories import DAY, NOON
from tests.scoring.degraded import decide
from tests.scoring.ml_data import make_dataset
from tests.scoring.payments import make_payment


@cache
def trained(seed: int = 1) -> Trained:
    """Large amounts and busy cards are fraud, in amounts and counts as payments have them."""
    chance = np.random.default_rng(seed)
    dataset: Dataset = make_dataset(4000, seed=seed)
    amounts = np.round(chance.gamma(1.0, 60.0, len(dataset)), 2)
    counts = chance.integers(0, 9, len(dataset))
    # What never changes is never split: the other features of a payment add nothing.
    dataset.vectors[:] = 0.0
    dataset.vectors[:, INDEX["amount"]] = amounts
    dataset.vectors[:, INDEX["card_count_1h"]] = counts
    pull = amounts / 40 + counts / 2 - 5.0
    dataset.labels[:] = chance.random(len(dataset)) < 1.0 / (1.0 + np.exp(-pull))
    return train(dataset, seed=SEED)


def make_champion(seed: int = 1) -> ModelVersion:
    at = NOON + seed * timedelta(hours=1)
    stored = store_model(trained(seed), TrainingPeriod(start=at - DAY, end=at, labels_as_of=at, maturity=DAY))
    promote_model(stored.version)
    return stored


def habit(count: int = 12, *, at: datetime = NOON, **overrides: Any) -> list[Transaction]:
    """What the card does: one payment of about 38 a day, the last of them two days ago."""
    return [
        make_payment(amount=Decimal(38 + n % 3), occurred_at=at - timedelta(days=2 + n), device_id="d-1", **overrides)
        for n in reversed(range(count))
    ]


def attack(**overrides: Any) -> Transaction:
    values: dict[str, Any] = {"amount": Decimal("412.40"), "occurred_at": NOON, "device_id": "d-9"}
    return make_payment(**values | overrides)


def decide_all(*payments: Transaction) -> list[Decision]:
    return decide(MemoryStore(), *payments)


def explained(*decisions: Decision) -> list[Explanation]:
    explain_decisions([one.id for one in decisions], at=NOON)
    return [Explanation.objects.get(decision=one) for one in decisions]


def waiting() -> Sequence[list[int]]:
    """Ids that wait to be explained, by row of the outbox."""
    return list(Outbox.objects.filter(topic=Outbox.Topic.EXPLANATIONS).order_by("id").values_list("ids", flat=True))
