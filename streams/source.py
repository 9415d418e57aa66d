"""What a stream is to the worker: messages in partitions, read from a position; and the memory version.

Positions are integers that grow within a partition. Progress is kept in PostgreSQL, never in the broker: a source is
told where to start and remembers nothing of ours.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

TRANSACTIONS, DECISIONS, LABELS = "transactions", "decisions", "labels"
DEAD_LETTERS = "transactions.dead-letter"

# Position before the first message.
START = -1


class StreamError(Exception):
    """The broker failed or said no; the message says what to look at. Nothing is lost: reading starts again."""


@dataclass(frozen=True)
class Message:
    """One record as it lies in the log."""

    stream: str
    partition: int
    position: int
    body: bytes


class Source(Protocol):
    """A reader of one stream."""

    def partitions(self) -> Sequence[int]:
        """Partitions of the stream now."""

    def read(self, positions: Mapping[int, int], *, limit: int, wait_seconds: float) -> list[Message]:
        """Messages after `positions` (partition -> last position seen), at most `limit` of each partition, in order.

        Waits up to `wait_seconds` when there is none. Raises: StreamError.
        """

    def lag(self, positions: Mapping[int, int]) -> int:
        """Records not read yet."""

    def close(self) -> None: ...


class Publisher(Protocol):
    """A writer to any stream."""

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write (key, body) records; returns once the broker has them all. Raises: StreamError, some may be written."""

    def close(self) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    """All records of a key go to one partition."""
    return crc32(key.encode()) % partitions


class MemoryStream:
    """A log in this process: source of one stream, publisher to all."""

    def __init__(self, stream: str = TRANSACTIONS, *, partitions: int = 2) -> None:
        self._stream = stream
        self._partitions = partitions
        self.logs: dict[tuple[str, int], list[bytes]] = defaultdict(list)

    def partitions(self) -> Sequence[int]:
        return range(self._partitions)

    def read(self, positions: Mapping[int, int], *, limit: int, wait_seconds: float) -> list[Message]:
        return [
            Message(self._stream, partition, position, self.logs[self._stream, partition][position])
            for partition, last in positions.items()
            for position in range(last + 1, min(last + 1 + limit, len(self.logs[self._stream, partition])))
        ]

    def lag(self, positions: Mapping[int, int]) -> int:
        return sum(len(self.logs[self._stream, partition]) - 1 - last for partition, last in positions.items())

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        for key, body in records:
            self.logs[stream, partition_of(key, self._partitions)].append(body)

    def close(self) -> None:
        self.logs.clear()
