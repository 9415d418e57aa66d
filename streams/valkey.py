"""Valkey streams as a log: the embedded default. Stream `name` is the keys `stream:name:0..N-1`, a card in one."""

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from streams.source import Message, StreamError, partition_of

# Kept per partition; older records are dropped. Decided ones are in PostgreSQL.
MAX_LENGTH = 1_000_000
LAG_LIMIT = 100_000
_SEQUENCE_BITS = 20


def position_of(entry_id: bytes) -> int:
    """Entry id `milliseconds-sequence` as one growing integer; 2^20 entries fit a millisecond."""
    milliseconds, sequence = entry_id.split(b"-")
    return int(milliseconds) << _SEQUENCE_BITS | int(sequence)


def entry_id_of(position: int) -> str:
    """The entry id at a position; before the first: `0-0`."""
    if position < 0:
        return "0-0"
    return f"{position >> _SEQUENCE_BITS}-{position & ((1 << _SEQUENCE_BITS) - 1)}"


def _key(stream: str, partition: int) -> str:
    return f"stream:{stream}:{partition}"


class ValkeySource:
    """Reads the partitions of one stream by XREAD."""

    def __init__(self, url: str, stream: str, *, partitions: int) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._stream = stream
        self._partitions = partitions

    def partitions(self) -> Sequence[int]:
        return range(self._partitions)

    def read(self, positions: Mapping[int, int], *, limit: int, wait_seconds: float) -> list[Message]:
        names: dict[Any, Any] = {_key(self._stream, part): entry_id_of(last) for part, last in positions.items()}
        if not names:
            return []
        try:
            answer = self._client.xread(names, count=limit, block=max(1, int(wait_seconds * 1000)))
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {self._stream} cannot be read: {error}") from error
        return [
            Message(self._stream, int(name.rpartition(b":")[2]), position_of(entry_id), fields.get(b"body", b""))
            for name, entries in _pairs(answer)
            for entry_id, fields in entries
        ]

    def lag(self, positions: Mapping[int, int]) -> int:
        """Entries after the positions, counted up to LAG_LIMIT a partition."""
        total = 0
        try:
            for partition, last in positions.items():
                name = _key(self._stream, partition)
                if last < 0:
                    total += self._client.xlen(name)
                else:
                    later: Any = self._client.xrange(name, f"({entry_id_of(last)}", "+", count=LAG_LIMIT)
                    total += len(later)
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {self._stream} cannot be measured: {error}") from error
        return total

    def close(self) -> None:
        self._client.close()


def _pairs(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """XREAD's answer by stream; a mapping or a list of pairs, by protocol version."""
    if isinstance(answer, dict):
        return [(name, entries[0]) for name, entries in answer.items()]
    return answer or []


class ValkeyPublisher:
    """Appends by XADD, a pipeline a call."""

    def __init__(self, url: str, *, partitions: int) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._partitions = partitions

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for key, body in records:
                    name = _key(stream, partition_of(key, self._partitions))
                    pipeline.xadd(name, {"body": body}, maxlen=MAX_LENGTH, approximate=True)
                pipeline.execute()
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {stream} cannot be written: {error}") from error

    def close(self) -> None:
        self._client.close()
