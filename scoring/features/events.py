"""Payments and labels as arrays for the kernel, and the states they touch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import VERSION
from scoring.features.layout import HASHED, KINDS, program
from scoring.features.windows import EVENT, apply_events
from scoring.transaction import Transaction

REMOTE_CHANNELS = ("ecommerce", "moto", "transfer")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FraudKnown:
    """It became known at `known_at` that a payment at this merchant, from this device, was fraud."""

    merchant_id: str
    device_id: str | None
    known_at: datetime


@dataclass(frozen=True)
class Payment:
    """A transaction and when it reached us: what one vector is computed from."""

    transaction: Transaction
    received_at: datetime


Event = Payment | FraudKnown


@dataclass
class EventBatch:
    """Events in the order to apply. members: int64 (n, 3), rows into the keys of each entity kind, -1 missing."""

    numbers: Floats
    hashes: Floats
    members: NDArray[np.int64]
    keys: tuple[list[str], list[str], list[str]]

    @property
    def all_keys(self) -> list[str]:
        return [key for kind in self.keys for key in kind]


def encode_events(events: Sequence[Event]) -> EventBatch:
    """The arrays of a batch; `numbers` has the columns of `windows`, times in seconds since 1970."""
    indexes: tuple[dict[str, int], ...] = ({}, {}, {})
    numbers = np.empty((len(events), EVENT))
    hashes = np.zeros((len(events), len(HASHED)))
    members = np.full((len(events), len(KINDS)), -1, np.int64)
    for i, event in enumerate(events):
        if isinstance(event, FraudKnown):
            known = event.known_at.timestamp()
            numbers[i] = (known, known, 0.0, nan, nan, 0.0, 0.0, 1.0)
            ids: tuple[str | None, ...] = (None, event.merchant_id, event.device_id)
        else:
            numbers[i], hashes[i] = _numbers_of(event), _hashes_of(event.transaction)
            ids = (event.transaction.card_id, event.transaction.merchant_id, event.transaction.device_id)
        for kind, identity in enumerate(ids):
            if identity:
                members[i, kind] = indexes[kind].setdefault(identity, len(indexes[kind]))
    cards, merchants, devices = (
        [state_key(kind, identity) for identity in index] for kind, index in zip(KINDS, indexes, strict=True)
    )
    return EventBatch(numbers, hashes, members, (cards, merchants, devices))


def state_key(kind: str, identity: str) -> str:
    """Key of an entity's state. Braces keep all keys of one entity on one node of a cluster."""
    return f"feature:{VERSION}:{kind}:{{{identity}}}"


def _numbers_of(event: Payment) -> tuple[float, ...]:
    transaction = event.transaction
    countries = (transaction.merchant_country, transaction.card_country or transaction.billing_country)
    placed = transaction.latitude is not None and transaction.longitude is not None
    return (
        transaction.occurred_at.timestamp(),
        event.received_at.timestamp(),
        float(transaction.amount),
        transaction.latitude if placed and transaction.latitude is not None else nan,
        transaction.longitude if placed and transaction.longitude is not None else nan,
        float(transaction.channel in REMOTE_CHANNELS),
        float(None not in countries and countries[0] != countries[1]),
        0.0,
    )


def _hashes_of(transaction: Transaction) -> tuple[float, ...]:
    seen = (transaction.merchant_id, transaction.device_id, transaction.merchant_country, transaction.card_id)
    # 32 bits are enough to tell a few dozen values apart; 0 stands for none.
    return tuple(float(crc32(value.encode()) + 1) if value else 0.0 for value in seen)


def run(batch: EventBatch, states: tuple[Floats, Floats, Floats]) -> NDArray[np.float32]:
    """Apply a batch to its states in place; the vectors, float32 (n, features), NaN rows for labels."""
    table = program()
    vectors = np.full((len(batch.numbers), len(table.features)), nan, np.float32)
    apply_events(
        batch.numbers, batch.hashes, batch.members, *states, table.windows, table.rings, table.decays, table.seens,
        table.features, table.habit, vectors,
    )  # fmt: skip
    return vectors
