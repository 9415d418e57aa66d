"""Rows to store and payments to count; for the tests of state stores."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from scoring.features.definitions import VERSION
from scoring.features.events import Payment
from scoring.features.live import StateStore, StateWrite
from tests.factories import NOON
from tests.scoring.payments import make_payment

KEYS = [f"feature:{VERSION}:card:{name}" for name in "abc"]
A, B, NOBODY = KEYS


def row_of(writes: int, width: int = 3) -> bytes:
    return np.array([writes] + [7.0] * (width - 1)).tobytes()


def write(
    store: StateStore, rows: dict[str, int], *receipts: str, generation: bytes = b"", **options
) -> dict[int, bytes | None] | None:
    """Store rows that were written so often, each from one write less, under these receipts."""
    counts = list(rows.values())
    return store.write(
        StateWrite(
            generation or store.generation() or b"",
            list(rows),
            [np.float64(count - 1).tobytes() for count in counts],
            [row_of(count) for count in counts],
            receipts,
            **options,
        )
    )


def states(store: StateStore, keys: Sequence[str]) -> list[bytes | None]:
    return store.read(keys)[1]


def payments(count: int, **overrides) -> list[Payment]:
    return [Payment(make_payment(occurred_at=NOON + timedelta(seconds=i), **overrides), NOON) for i in range(count)]
