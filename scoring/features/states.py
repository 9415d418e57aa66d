"""What a store of entity states promises, and one in memory for tests and history.

A write is one step: it looks at the store's generation, at the batches' receipts and at each row's count of writes, and
stores everything or nothing. So an emptied store is never taken for one that knows nobody, a batch is applied once
however often it is tried, and two processes that share a merchant cannot lose each other's payments.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Protocol

_BUILDING = b"building:"
NEVER_WRITTEN = bytes(8)


class FeatureStoreError(Exception):
    """The store did not answer in time, or kept changing under the write. Nothing was written."""


class FeatureStoreLostError(FeatureStoreError):
    """The store is not the one the record was applied to: emptied, being rebuilt, or rebuilt since it was read."""


class PartlyCountedError(FeatureStoreError):
    """Some of the batches that were to be written together were counted meanwhile. Nothing was written."""


@dataclass(frozen=True)
class StateWrite:
    """Rows of one batch: their counts of writes when they were read (8 bytes each), and what they become.

    receipts: one of each batch that is counted with them.
    """

    generation: bytes
    keys: Sequence[str]
    before: Sequence[bytes]
    states: Sequence[bytes | memoryview]
    receipts: tuple[str, ...] = ()
    forget: Sequence[str] = ()


class StateStore(Protocol):
    """What a batch needs of a store. Every method raises FeatureStoreError when the store does not answer."""

    def read(self, keys: Sequence[str]) -> tuple[bytes, list[bytes | None]]:
        """The store's generation and the states in the order of `keys`.

        Raises:
            FeatureStoreLostError: it has no generation, or is being rebuilt.
        """

    @property
    def is_contended(self) -> bool:
        """Whether rows were written by others lately: then `changed` is worth asking before all states are sent."""

    def changed(self, keys: Sequence[str], before: Sequence[bytes]) -> dict[int, bytes | None]:
        """The rows that were written since they were read (`before` as in StateWrite), with what they hold now."""

    def write(self, write: StateWrite) -> dict[int, bytes | None] | None:
        """Store all rows and receipts, and drop the receipts in `forget`; None when that is done, now or before.

        Otherwise the rows that were written since they were read, with what they hold now; then nothing was stored.

        Raises:
            FeatureStoreLostError: the generation is another one; nothing was stored.
            PartlyCountedError: some of the receipts are there and others are not; nothing was stored.
        """

    def has_receipts(self, receipts: Sequence[str]) -> list[bool]:
        """Which batches were applied, of the last days."""

    def generation(self) -> bytes | None:
        """None when the store was emptied; `building:<token>` during a rebuild."""

    def begin_rebuild(self, token: str) -> None:
        """Drop all feature keys of this version, and let only `rebuilding` write from now on."""

    def finish_rebuild(self, token: str) -> None:
        """Open the store to everybody.

        Raises:
            FeatureStoreLostError: the rebuild of this token is not the one under way.
        """

    def rebuilding(self, token: str) -> "StateStore":
        """The same store for the one who rebuilds it under this token."""


@dataclass
class MemoryStore:
    """States in this process, for one thread."""

    states: dict[str, bytes] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    # One entry, shared by the views of a store: its generation, or none when it is lost.
    generations: list[bytes] = field(default_factory=lambda: [b"memory"])
    building: bytes = b""
    is_contended: bool = False

    def read(self, keys: Sequence[str]) -> tuple[bytes, list[bytes | None]]:
        return usable_generation(self.generation(), self.building), [self.states.get(key) for key in keys]

    def write(self, write: StateWrite) -> dict[int, bytes | None] | None:
        if self.generation() != write.generation:
            raise FeatureStoreLostError("the store's generation changed")
        if known := self.receipts.intersection(write.receipts):
            if len(known) < len(write.receipts):
                raise PartlyCountedError("some of these batches are counted already")
            return None
        if changed := self.changed(write.keys, write.before):
            return changed
        self.states.update(zip(write.keys, map(bytes, write.states), strict=True))
        self.receipts.difference_update(write.forget)
        self.receipts.update(write.receipts)
        return None

    def changed(self, keys: Sequence[str], before: Sequence[bytes]) -> dict[int, bytes | None]:
        return {
            row: self.states.get(key)
            for row, (key, count) in enumerate(zip(keys, before, strict=True))
            if self.states.get(key, NEVER_WRITTEN)[:8] != count
        }

    def has_receipts(self, receipts: Sequence[str]) -> list[bool]:
        return [receipt in self.receipts for receipt in receipts]

    def generation(self) -> bytes | None:
        return self.generations[0] if self.generations else None

    def begin_rebuild(self, token: str) -> None:
        self.states.clear()
        self.receipts.clear()
        self.generations[:] = [building_generation(token)]

    def finish_rebuild(self, token: str) -> None:
        if self.generation() != building_generation(token):
            raise FeatureStoreLostError("another rebuild is under way")
        self.generations[:] = [token.encode()]

    def rebuilding(self, token: str) -> "MemoryStore":
        view = copy(self)
        view.building = building_generation(token)
        return view


def building_generation(token: str) -> bytes:
    return _BUILDING + token.encode()


def usable_generation(generation: bytes | None, building: bytes) -> bytes:
    if generation is None:
        raise FeatureStoreLostError("the feature store is empty")
    if generation.startswith(_BUILDING) and generation != building:
        raise FeatureStoreLostError("the feature store is being rebuilt")
    return generation
