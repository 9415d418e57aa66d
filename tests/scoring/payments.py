"""Payments, policies, a writer and a model with fixed values, for the engine and what stands around it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

import numpy as np
from django.db import connection

from scoring.features.definitions import INDEX, NAMES
from scoring.features.live import MemoryStore
from scoring.models import Policy
from scoring.services.decisions import Arrival, Writer
from scoring.services.policy import RuleDraft, publish_policy
from scoring.transaction import Transaction
from tests.factories import NOON

STREAM = "stream:transactions/0"
_number = count(1)


def fields_of(**overrides: Any) -> dict[str, Any]:
    """A good payment as JSON would carry it."""
    return {
        "transaction_id": "t-1",
        "occurred_at": "2026-11-20T12:00:00Z",
        "amount": "12.50",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "m-1",
    } | overrides


def body_of(**overrides: Any) -> bytes:
    """The same as bytes, under a number of its own and with device and country."""
    own = {"transaction_id": f"p-{next(_number)}", "device_id": "d-1", "card_country": "FR", "merchant_country": "FR"}
    return json.dumps(fields_of(**own | overrides)).encode()


def make_payment(**overrides: Any) -> Transaction:
    values: dict[str, Any] = {
        "transaction_id": f"p-{next(_number)}",
        "occurred_at": NOON,
        "amount": Decimal("12.50"),
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "m-1",
        "device_id": "d-1",
        "merchant_country": "FR",
        "card_country": "FR",
        "channel": "ecommerce",
    }
    return Transaction(**values | overrides)


def arrive(transaction: Transaction, *, position: int = 0, at: datetime | None = None, source: str = STREAM) -> Arrival:
    return Arrival(transaction, at or transaction.occurred_at, source, str(position))


def writer(store: MemoryStore | None = None, **overrides: Any) -> Writer:
    """Decides for the stream, with a store that knows nobody when none is named."""
    values: dict[str, Any] = {"name": "stream:transactions", "store": store or MemoryStore()}
    return Writer(**values | overrides)


@contextmanager
def tampering() -> Iterator[None]:
    """As somebody who owns the database and changes what it keeps as it is."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = origin")


LARGE = RuleDraft("large", "amount > 1000", "review", "The amount is {amount}")
HUGE = RuleDraft("huge", "amount > 5000", "decline", "Far too much")


def publish(*rules: RuleDraft, based_on: int = 0, review: float = 0.5, decline: float = 0.9) -> Policy:
    """A policy of these rules; of LARGE and HUGE when none is named."""
    return publish_policy(
        review_threshold=review,
        decline_threshold=decline,
        rules=rules or (LARGE, HUGE),
        note="for a test",
        published_by=None,
        based_on=based_on,
    )


class AmountModel:
    """Scores a payment by its amount: `amount / 100`, at most 1; half as much is how strange it is."""

    version = "by-amount"

    def score(self, vectors: np.ndarray) -> np.ndarray:
        return np.minimum(vectors[:, INDEX["amount"]].astype(np.float64) / 100.0, 1.0)

    def anomalies(self, vectors: np.ndarray) -> np.ndarray:
        return self.score(vectors) / 2.0

    def contributions(self, vectors: np.ndarray) -> np.ndarray:
        contributions = np.zeros((len(vectors), len(NAMES) + 1), np.float32)
        contributions[:, INDEX["amount"]] = 2.0
        return contributions
