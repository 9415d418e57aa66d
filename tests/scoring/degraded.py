"""Payments decided without a part, and the part that comes back."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from django.utils.timezone import now

from scoring.features.definitions import INDEX, NAMES
from scoring.features.live import MemoryStore, Pending
from scoring.ml.line_up import LineUp
from scoring.models import Decision, Rescoring
from scoring.queries import payments_between
from scoring.services import decisions, rescoring
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import settle_features
from scoring.services.policy import RuleDraft
from scoring.transaction import Transaction
from tests.scoring.payments import arrive, make_payment

BUSY = RuleDraft("busy", "card_count_24h >= 2", "review", "{card_count_24h} payments in a day")


class CountModel:
    """Scores a payment by how many its card had in a day: a tenth each; 0 where that is missing."""

    version = "by-count"

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.nan_to_num(vectors[:, INDEX["card_count_24h"]].astype(np.float64)) / 10.0

    def anomalies(self, vectors: np.ndarray) -> np.ndarray:
        return np.full(len(vectors), np.nan)

    def contributions(self, vectors: np.ndarray) -> np.ndarray:
        contributions = np.zeros((len(vectors), len(NAMES) + 1), np.float32)
        contributions[:, INDEX["card_count_24h"]] = 2.0
        return contributions


def nowhere() -> MemoryStore:
    """A store that knows no state of anybody and says so."""
    return MemoryStore(generations=[])


def decide(store: MemoryStore, *payments: Transaction, **options: Any) -> list[Decision]:
    """Decided by call, each for itself; their rows."""
    writer = Writer("api", store, **{"is_patient": False} | options)
    for payment in payments:
        decide_transactions([arrive(payment, source="api")], writer=writer)
    return rows_of(payments)


def rows_of(payments: Iterable[Transaction]) -> list[Decision]:
    rows = {row.transaction_id: row for row in Decision.objects.all()}
    return [rows[payment.transaction_id] for payment in payments]


def some(count: int, **overrides: Any) -> list[Transaction]:
    return [make_payment(**overrides) for _ in range(count)]


def install(monkeypatch, model: CountModel) -> CountModel:
    """Make it the champion."""
    monkeypatch.setattr(decisions, "line_up", lambda: LineUp(model))
    monkeypatch.setattr(rescoring, "champion", lambda: model)
    return model


def come_back(store: MemoryStore) -> None:
    """The store answers again, and the task worker looks."""
    settle_features("", store=store)
    rescoring.rescore_due(at=now())


def vector_of(row: Rescoring) -> np.ndarray:
    return np.frombuffer(row.features, np.float32)


def vectors_of_the_record() -> np.ndarray:
    """What each payment would have been decided with, had nothing been away."""
    return Pending(MemoryStore(), [payment for _, payment in payments_between(1, 10**9)]).vectors
