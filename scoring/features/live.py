"""Where entity states live: Valkey for scoring, a dictionary for tests and offline runs.

A batch costs one read and one write. States are computed in the worker between the two; the write is a compare-and-set
on each row's count of writes, so two processes that share a merchant cannot lose each other's payments.
"""

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
import redis
from numpy.typing import NDArray

from scoring.features.definitions import DAY
from scoring.features.events import Event, EventBatch, Floats, encode_events, run
from scoring.features.layout import WRITES, program

# The longest window, its hop, and some: an entity that was silent for longer has nothing left to count but recency.
STATE_SECONDS = 90 * DAY
MAX_ATTEMPTS = 20

States = tuple[Floats, Floats, Floats]


class FeatureStoreError(Exception):
    """The store did not answer in time, or kept changing under the write. Nothing was written."""


class StateStore(Protocol):
    """What a batch needs of a store."""

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """States in the order of `keys`."""

    def write(self, keys: Sequence[str], before: Sequence[float], states: Sequence[bytes], mark: str) -> bool:
        """Store all states, or none when one of them was written since it was read (`before`: its count of writes).

        With a `mark` ("writer=position") the writer's mark moves in the same step.
        """

    def mark_of(self, writer: str) -> str:
        """Position in the last mark of a writer, "" when it has none."""


class MemoryStore:
    """States in this process."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.marks: dict[str, str] = {}

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self.states.get(key) for key in keys]

    def write(self, keys: Sequence[str], before: Sequence[float], states: Sequence[bytes], mark: str) -> bool:
        for key, count in zip(keys, before, strict=True):
            state = self.states.get(key)
            if (0.0 if state is None else np.frombuffer(state, count=1)[0]) != count:
                return False
        self.states.update(zip(keys, states, strict=True))
        if mark:
            writer, position = _parts(mark)
            self.marks[writer] = position
        return True

    def mark_of(self, writer: str) -> str:
        return self.marks.get(writer, "")


# KEYS: states, then the mark's key. ARGV: seconds to keep, number of states, count of writes before (8 bytes each),
# states, mark's position.
_COMPARE_AND_SET = """
local n = tonumber(ARGV[2])
for i = 1, n do
  local now = redis.call('GETRANGE', KEYS[i], 0, 7)
  if now == '' then now = '\\0\\0\\0\\0\\0\\0\\0\\0' end
  if now ~= ARGV[2 + i] then return 0 end
end
for i = 1, n do redis.call('SET', KEYS[i], ARGV[2 + n + i], 'EX', ARGV[1]) end
if #KEYS > n then redis.call('SET', KEYS[n + 1], ARGV[3 + 2 * n]) end
return 1
"""


class ValkeyStore:
    """States in Valkey, each under its own key."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=None
        )
        self._compare_and_set = self._client.register_script(_COMPARE_AND_SET)

    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        try:
            return cast(list[bytes | None], self._client.mget(keys)) if keys else []
        except redis.RedisError as error:
            raise FeatureStoreError(str(error)) from error

    def write(self, keys: Sequence[str], before: Sequence[float], states: Sequence[bytes], mark: str) -> bool:
        counts = [np.float64(count).tobytes() for count in before]
        arguments: list[Any] = [STATE_SECONDS, len(keys), *counts, *states]
        names = list(keys)
        if mark:
            writer, position = _parts(mark)
            names.append(_mark_key(writer))
            arguments.append(position)
        try:
            return bool(self._compare_and_set(keys=names, args=arguments))
        except redis.RedisError as error:
            raise FeatureStoreError(str(error)) from error

    def mark_of(self, writer: str) -> str:
        try:
            position = cast(bytes | None, self._client.get(_mark_key(writer)))
        except redis.RedisError as error:
            raise FeatureStoreError(str(error)) from error
        return "" if position is None else position.decode()


def _parts(mark: str) -> tuple[str, str]:
    """Writer and position; a writer's name may hold an equals sign, as a file's does."""
    writer, _, position = mark.rpartition("=")
    return writer, position


def _mark_key(writer: str) -> str:
    return f"feature:mark:{writer}"


class Pending:
    """A batch whose vectors are known and whose states are not written yet.

    The order is: compute, record the decisions, write. A crash before the record leaves no trace anywhere; a crash
    after it is mended by applying what the record has past the writer's mark.
    """

    def __init__(self, store: StateStore, events: Sequence[Event]) -> None:
        self._store = store
        self._batch = encode_events(events)
        self._before: list[float] = []
        self._states = self._read()
        self.vectors: NDArray[np.float32] = run(self._batch, self._states)

    def write(self, mark: str = "") -> None:
        """Store the states, computing again over fresh ones when another process was faster.

        Raises:
            FeatureStoreError: nothing was written.
        """
        if not self._batch.all_keys and not mark:
            return  # nothing new in it: a payment sent again must not depend on the store
        for _ in range(MAX_ATTEMPTS):
            if self._store.write(self._batch.all_keys, self._before, self._packed(), mark):
                return
            self._states = self._read()
            # Looked up after the read: a mark that moves later than this makes the next write fail instead.
            if mark and self._is_mended(mark):
                return
            run(self._batch, self._states)
        raise FeatureStoreError(f"states kept changing during {MAX_ATTEMPTS} attempts to write them")

    def _is_mended(self, mark: str) -> bool:
        """Whether the next owner of our position applied this batch from the record while we were held up."""
        writer, position = _parts(mark)
        now_at = self._store.mark_of(writer)
        return now_at != "" and int(now_at) >= int(position)

    def _read(self) -> States:
        found = self._store.read(self._batch.all_keys)
        states = _unpack(self._batch, found)
        self._before = [float(row[WRITES]) for kind in states for row in kind]
        return states

    def _packed(self) -> list[bytes]:
        for kind in self._states:
            kind[:, WRITES] += 1.0
        return [row.tobytes() for kind in self._states for row in kind]


def _unpack(batch: EventBatch, found: list[bytes | None]) -> States:
    """States as arrays (rows, width) per kind, zeros where an entity is new. float64, little endian."""
    start = 0
    kinds: list[Floats] = []
    for keys, width in zip(batch.keys, program().widths, strict=True):
        zeros = bytes(width * 8)
        packed = bytearray().join(state or zeros for state in found[start : start + len(keys)])
        kinds.append(np.frombuffer(packed, np.float64).reshape(-1, width) if keys else np.empty((0, width)))
        start += len(keys)
    return kinds[0], kinds[1], kinds[2]


def request_only_vectors(events: Sequence[Event]) -> NDArray[np.float32]:
    """Vectors of what the payments say by themselves; every feature of an entity missing."""
    vectors = Pending(MemoryStore(), events).vectors
    vectors[:, program().features[:, 1] >= 0] = np.nan
    return vectors
