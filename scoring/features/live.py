"""A batch on its way through the feature store: one read, the kernel, one write."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scoring.features.events import Event, encode_events, learn_outcomes, run, streaks_of
from scoring.features.layout import OF, program
from scoring.features.states import (
    NEVER_WRITTEN,
    FeatureStoreError,
    FeatureStoreLostError,
    MemoryStore,
    PartlyCountedError,
    StateStore,
    StateWrite,
)
from scoring.features.valkey import RECEIPT_SECONDS, STATE_SECONDS, ValkeyStore

__all__ = [
    "RECEIPT_SECONDS",
    "STATE_SECONDS",
    "FeatureStoreError",
    "FeatureStoreLostError",
    "MemoryStore",
    "PartlyCountedError",
    "Pending",
    "StateStore",
    "StateWrite",
    "ValkeyStore",
    "request_only_vectors",
]

MAX_ATTEMPTS = 20


class Pending:
    """A batch of payments and labels whose vectors are known and whose states are not yet written.

    vectors: float32 (n events, features), each payment as of before it, NaN rows for labels. Payments of this batch are
    taken as approved unless `Payment.is_declined`, until `learn_declines` says otherwise.

    Raises:
        FeatureStoreError, FeatureStoreLostError: the states could not be read.
    """

    def __init__(self, store: StateStore, events: Sequence[Event]) -> None:
        self._store = store
        self._batch = encode_events(events)
        # A payment sent again must not depend on the store: a batch without events asks it nothing.
        self._generation, self._found = store.read(self._batch.keys) if events else (b"", [])
        self._memory = self._joined()
        self._streaks = streaks_of(self._batch, self._memory)
        self.vectors: NDArray[np.float32] = run(self._batch, self._memory)

    def learn_declines(self, declined: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Take these outcomes (bool, one an event) for the payments; rows of `vectors` that are other ones now.

        A payment sees the declines before it in the batch. Deciding the rows again and asking again, until none is
        left, gives what deciding them one by one would: a row depends on earlier rows only.
        """
        return learn_outcomes(self._batch, self._memory, self._streaks, declined, self.vectors)

    def write(self, receipts: tuple[str, ...] = (), forget: Sequence[str] = ()) -> None:
        """Store the states, once for their receipts; computed again where another process wrote meanwhile.

        Raises:
            PartlyCountedError: some of the receipts' batches were counted by others: begin anew without them.
            FeatureStoreError: nothing was written, or no answer came: try again under the same receipts.
        """
        if not self._batch.keys:
            return
        if self._store.is_contended and (others := self._store.changed(self._batch.keys, self._counts())):
            self._start_from(others)
        for _ in range(MAX_ATTEMPTS):
            changed = self._store.write(self._packed(receipts, forget))
            if changed is None:
                return
            self._start_from(changed)
        raise FeatureStoreError(f"states kept changing during {MAX_ATTEMPTS} attempts to write them")

    def _start_from(self, changed: Mapping[int, bytes | None]) -> None:
        """Apply the batch again over rows that others wrote meanwhile."""
        for row, state in changed.items():
            self._found[row] = state
        self._memory = self._joined()
        run(self._batch, self._memory)

    def _joined(self) -> bytearray:
        """The rows of the batch one after the other, zeros where an entity is new."""
        memory = bytearray().join(
            [state or blank for state, blank in zip(self._found, self._batch.blanks, strict=True)]
        )
        if len(memory) != self._batch.starts[-1]:
            raise FeatureStoreError("a state has another width than this version's")
        return memory

    def _counts(self) -> list[bytes]:
        """Each row's count of writes when it was read."""
        return [NEVER_WRITTEN if state is None else state[:8] for state in self._found]

    def _packed(self, receipts: tuple[str, ...], forget: Sequence[str]) -> StateWrite:
        starts = self._batch.starts
        np.frombuffer(self._memory, np.float64)[np.array(starts[:-1]) // 8] += 1.0
        rows = memoryview(self._memory)
        return StateWrite(
            generation=self._generation,
            keys=self._batch.keys,
            before=self._counts(),
            states=[rows[start:end] for start, end in pairwise(starts)],
            receipts=receipts,
            forget=forget,
        )


def request_only_vectors(events: Sequence[Event]) -> NDArray[np.float32]:
    """Vectors of what the payments say by themselves; every feature of an entity missing."""
    vectors = Pending(MemoryStore(), events).vectors
    vectors[:, program().features[:, OF] >= 0] = np.nan
    return vectors
