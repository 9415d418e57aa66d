"""What the contract tests of streams share: a log to reach, records to send, reading until they are there."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from streams.source import START, Message, Publisher, Source

STREAM = "payments"
PATIENCE_SECONDS = 10.0


@dataclass
class Broker:
    """Ways to reach one log. Only where partitions come and go: `split` one, or `merge` the first with the next."""

    publisher: Publisher
    new_source: Callable[[], Source]
    split: Callable[[str], object] | None = None
    merge: Callable[[str, str], object] | None = None


@dataclass
class Renamed:
    """Gives each test a stream of its own: the broker outlives them."""

    publisher: Publisher
    name: str

    def publish(self, stream: str, records) -> None:
        self.publisher.publish(self.name, records)

    def close(self) -> None:
        self.publisher.close()


def records(count: int, *, start: int = 0) -> list[tuple[str, bytes]]:
    return [(f"card-{i % 7}", b"%d" % i) for i in range(start, start + count)]


def read(source: Source, count: int, positions: dict[str, int], *, limit: int = 500) -> list[Message]:
    """Read until there are `count` messages, moving `positions`."""
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        batch = source.read(positions, limit=limit, wait_seconds=0.2)
        for message in batch:
            positions[message.partition] = message.position
        found += batch
    return found


def from_start(source: Source) -> dict[str, int]:
    return {partition.name: START for partition in source.partitions()}
