"""A stream in this process: what the contract of streams asks of any broker, without one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from streams.source import TRANSACTIONS, Message, Partition, in_turns, partition_of


class MemoryStream:
    """A log in this process: source of one stream, publisher to all."""

    def __init__(self, stream: str = TRANSACTIONS, *, partitions: int = 2) -> None:
        self._stream = stream
        self._count = partitions
        self._partitions = [Partition(str(number)) for number in range(partitions)]
        self._children: dict[str, tuple[str, ...]] = {}
        self._ended: set[str] = set()
        self._reads = 0
        self.logs: dict[tuple[str, str], list[bytes]] = defaultdict(list)

    def partitions(self) -> Sequence[Partition]:
        return list(self._partitions)

    def split(self, parent: str) -> tuple[str, ...]:
        """Close a partition; its keys go on in two new ones, whose names are returned."""
        self._children[parent] = names = (f"{parent}.0", f"{parent}.1")
        self._partitions += [Partition(name, parents=(parent,)) for name in names]
        return names

    def merge(self, *parents: str) -> str:
        """Close partitions; their keys go on in a new one, whose name is returned."""
        name = "+".join(parents)
        self._children |= dict.fromkeys(parents, (name,))
        self._partitions.append(Partition(name, parents=parents))
        return name

    def read(self, positions: Mapping[str, int], *, limit: int, wait_seconds: float) -> list[Message]:
        self._reads += 1
        queues = [self._after(partition, last, limit) for partition, last in positions.items()]
        found = in_turns(queues, limit, first=self._reads)
        reached = dict(positions) | {message.partition: message.position for message in found}
        for partition, last in reached.items():
            is_drained = last >= len(self.logs[self._stream, partition]) - 1
            (self._ended.add if is_drained and partition in self._children else self._ended.discard)(partition)
        return found

    def _after(self, partition: str, last: int, limit: int) -> list[Message]:
        log = self.logs[self._stream, partition]
        kept = range(last + 1, min(last + 1 + limit, len(log)))
        return [Message(self._stream, partition, position, log[position]) for position in kept]

    def ended(self) -> frozenset[str]:
        return frozenset(self._ended)

    def lag(self, positions: Mapping[str, int]) -> int | None:
        return sum(len(self.logs[self._stream, partition]) - 1 - last for partition, last in positions.items())

    def behind_seconds(self) -> float | None:
        """Records here have no times."""
        return None

    def tell(self, positions: Mapping[str, int]) -> None:
        """Nobody looks."""

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        for key, body in records:
            self.logs[stream, self._home_of(key)].append(body)

    def _home_of(self, key: str) -> str:
        name = str(partition_of(key, self._count))
        while children := self._children.get(name):
            name = children[partition_of(name + key, len(children))]
        return name

    def close(self) -> None:
        self.logs.clear()
