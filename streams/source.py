"""What a stream is to the worker: messages in partitions, read from a position; and the memory version.

Positions are integers that grow within a partition. Progress is kept in PostgreSQL, never in the broker: a source is
told where to start and remembers nothing of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from math import nan
from typing import Protocol, TypeVar, cast
from zlib import crc32

TRANSACTIONS, DECISIONS, LABELS = "transactions", "decisions", "labels"
VERDICTS = "verdicts"
DEAD_LETTERS = "transactions.dead-letter"

# Position before the first message.
START = -1

Record = TypeVar("Record")


class StreamError(Exception):
    """The broker failed or said no; the message says what to look at. Nothing is lost: reading starts again."""


@dataclass(frozen=True)
class Partition:
    """A Kafka partition, a Valkey stream key, a Kinesis shard."""

    name: str
    # Must be read to their end first: the records of a key go on in a child after a split or a merge.
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One record as it lies in the log."""

    stream: str
    partition: str
    position: int
    body: bytes
    # Seconds since 1970 by the broker's clock; nan when it does not say.
    produced_at: float = nan


class Source(Protocol):
    """A reader of one stream."""

    def partitions(self) -> Sequence[Partition]:
        """Partitions of the stream now, asked of the broker at each call. Raises: StreamError."""

    def read(self, positions: Mapping[str, int], *, limit: int, wait_seconds: float) -> list[Message]:
        """Messages after `positions` (partition -> last position seen), in order within a partition.

        At most `limit` altogether, of which a busy partition leaves the others their share. Waits up to
        `wait_seconds` when there is none.

        Raises:
            StreamError: the broker failed, or records after a position are gone; reading again from the same
                positions loses nothing more.
        """

    def ended(self) -> frozenset[str]:
        """Partitions closed for ever, whose last record came with the last read of them or before."""

    def lag(self, positions: Mapping[str, int]) -> int | None:
        """Records not read yet; None where the broker cannot say. Raises: StreamError."""

    def behind_seconds(self) -> float | None:
        """How far the last read lies behind the end of its partitions; 0 at the end, None where nobody said."""

    def tell(self, positions: Mapping[str, int]) -> None:
        """Show the broker's own lag tools where we are, as well as can be: never raises, never read back."""

    def close(self) -> None: ...


class Publisher(Protocol):
    """A writer to any stream."""

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write (key, body) records; returns once the broker has them all. Raises: StreamError, some may be written."""

    def close(self) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    """All records of a key go to one partition."""
    return crc32(key.encode()) % partitions


def share(partitions: int, limit: int) -> int:
    """How many records to ask of each partition, so that together they are about `limit`; at least 1."""
    return max(1, limit // max(1, partitions))


def in_turns(queues: Sequence[Sequence[Record]], limit: int, *, first: int) -> list[Record]:
    """At most `limit` records, one of each queue in turn from the queue `first` on (modulo their number).

    A long queue hides no other, and a caller that moves `first` at each call serves all even when they are many.
    """
    if sum(map(len, queues)) <= limit:
        return list(chain.from_iterable(queues))
    start = first % len(queues)
    nothing = object()
    turns = chain.from_iterable(zip_longest(*queues[start:], *queues[:start], fillvalue=nothing))
    return [cast(Record, record) for record in turns if record is not nothing][:limit]
