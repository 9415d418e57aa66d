"""Valkey streams as a log: the embedded default. Stream `name` is the keys `stream:name:0..N-1`, a card in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis
import redis

from streams.source import START, Message, Partition, StreamError, in_turns, partition_of, share

# Kept per partition; older records are dropped. Decided ones are in PostgreSQL.
MAX_LENGTH = 1_000_000
_MAX_LENGTH = str(MAX_LENGTH).encode()
# Written before their answers are read.
RECORDS_AT_ONCE = 2_000
_SEQUENCE_BITS = 20

# XREAD's answer as hiredis gives it: [key, [[entry id, [field, value, ...]], ...]]. redis-py would make a dict of every
# record, which takes longer than all the rest of reading.
_Entry = tuple[bytes, list[bytes]]


def position_of(entry_id: bytes) -> int:
    """Entry id `milliseconds-sequence` as one growing integer; 2^20 entries fit a millisecond."""
    milliseconds, sequence = entry_id.split(b"-")
    return int(milliseconds) << _SEQUENCE_BITS | int(sequence)


def entry_id_of(position: int) -> str:
    """The entry id at a position; before the first: `0-0`."""
    if position < 0:
        return "0-0"
    return f"{position >> _SEQUENCE_BITS}-{position & ((1 << _SEQUENCE_BITS) - 1)}"


def _key(stream: str, partition: str | int) -> str:
    return f"stream:{stream}:{partition}"


@dataclass(frozen=True)
class _Extent:
    """What XINFO says of a stream key, without its records: positions of the first and last, counts kept and ever."""

    length: int
    added: int
    first: int
    last: int

    def has_lost(self, position: int) -> bool:
        """Whether records after a position were dropped: the first one kept is not the next there can be."""
        if position == START or self.added == self.length:
            return False
        return position < (self.first - 1 if self.length else self.last)

    def after(self, position: int) -> int:
        """Records after a position; in the middle of the stream as if they had come evenly over time."""
        if position >= self.last:
            return 0
        if position < self.first:
            return self.length
        return max(1, round(self.length * (self.last - position) / (self.last - self.first)))


@dataclass
class _Place:
    """Where a partition was read up to, and the how-manieth record ever that is."""

    position: int
    ordinal: int


class ValkeySource:
    """Reads the partitions of one stream by XREAD."""

    def __init__(self, url: str, stream: str, *, partitions: int) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5, protocol=2)
        self._client.set_response_callback("XREAD", lambda answer, **options: answer or [])
        self._client.set_response_callback("XINFO STREAM", lambda answer, **options: answer)
        self._stream = stream
        self._partitions = [Partition(str(number)) for number in range(partitions)]
        self._places: dict[str, _Place] = {}
        self._reads = 0

    def partitions(self) -> Sequence[Partition]:
        # Their number is ours; asked is whether the server is there.
        try:
            self._client.ping()
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {self._stream} cannot be looked up: {error}") from error
        return self._partitions

    def read(self, positions: Mapping[str, int], *, limit: int, wait_seconds: float) -> list[Message]:
        if not positions:
            return []
        try:
            for partition, last in positions.items():
                self._start(partition, last)
            entries = self._read_fairly(positions, limit, max(1, int(wait_seconds * 1000)))
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {self._stream} cannot be read: {error}") from error
        self._reads += 1
        queues = [self._messages(partition, found) for partition, found in entries.items()]
        messages = in_turns(queues, limit, first=self._reads)
        for message in messages:
            place = self._places[message.partition]
            place.position, place.ordinal = message.position, place.ordinal + 1
        return messages

    def _start(self, partition: str, position: int) -> None:
        """Begin or begin again at a position that is not where the last read ended."""
        place = self._places.get(partition)
        if place is None or place.position != position:
            extent = self._extent_after(partition, position)
            self._places[partition] = _Place(position, extent.added - extent.after(position))

    def _read_fairly(self, positions: Mapping[str, int], limit: int, wait_ms: int) -> dict[str, list[_Entry]]:
        """Each partition's share, and what the quiet ones leave of theirs to the busy ones."""
        asked = share(len(positions), limit)
        found = self._xread(positions, asked, wait_ms)
        busy = {partition: entries for partition, entries in found.items() if len(entries) >= asked}
        left = limit - sum(map(len, found.values()))
        if busy and left > 0:
            reached = {partition: position_of(entries[-1][0]) for partition, entries in busy.items()}
            for partition, entries in self._xread(reached, share(len(busy), left), None).items():
                found[partition] = found[partition] + entries
        for partition in busy:
            # A reader that has fallen this far behind may have been overtaken by the trimming.
            self._extent_after(partition, positions[partition])
        return found

    def _xread(self, positions: Mapping[str, int], count: int, wait_ms: int | None) -> dict[str, list[_Entry]]:
        names: dict[Any, Any] = {_key(self._stream, part): entry_id_of(last) for part, last in positions.items()}
        answer: Any = self._client.xread(names, count=count, block=wait_ms)
        return {name.rpartition(b":")[2].decode(): entries for name, entries in answer}

    def _messages(self, partition: str, entries: Sequence[_Entry]) -> list[Message]:
        messages = []
        for entry_id, fields in entries:
            position = position_of(entry_id)
            body = fields[1] if fields[0] == b"body" else b""
            produced_at = (position >> _SEQUENCE_BITS) / 1000
            messages.append(Message(self._stream, partition, position, body, produced_at))
        return messages

    def _extent_after(self, partition: str, position: int) -> _Extent:
        """The extent of a partition. Raises: StreamError, when records after a position are gone."""
        extent = self._extent(partition)
        if extent.has_lost(position):
            raise StreamError(
                f"Valkey stream {self._stream}/{partition}: records after {entry_id_of(position)} were trimmed before "
                f"they were read; the first one kept is {entry_id_of(extent.first)}"
            )
        return extent

    def _extent(self, partition: str) -> _Extent:
        try:
            answer: Any = self._client.xinfo_stream(_key(self._stream, partition))
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return _Extent(length=0, added=0, first=START, last=START)
            raise
        told = dict(zip(answer[::2], answer[1::2], strict=True))
        return _Extent(
            length=told[b"length"],
            added=told[b"entries-added"],
            first=position_of(told[b"recorded-first-entry-id"]),
            last=position_of(told[b"last-generated-id"]),
        )

    def ended(self) -> frozenset[str]:
        return frozenset()

    def lag(self, positions: Mapping[str, int]) -> int | None:
        """Records after the positions: counted where this source has read to, else estimated from their times."""
        try:
            return sum(self._lag(partition, last) for partition, last in positions.items())
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {self._stream} cannot be measured: {error}") from error

    def _lag(self, partition: str, position: int) -> int:
        extent, place = self._extent(partition), self._places.get(partition)
        if place is None or place.position != position:
            return extent.after(position)
        if position >= extent.last:
            place.ordinal = extent.added
        return max(0, extent.added - place.ordinal)

    def behind_seconds(self) -> float | None:
        """Valkey tells how far behind reading is in records, not in time."""
        return None

    def tell(self, positions: Mapping[str, int]) -> None:
        """Valkey has no lag tools to tell."""

    def close(self) -> None:
        self._client.close()


class ValkeyPublisher:
    """Appends by XADD, many a round trip."""

    def __init__(self, url: str, *, partitions: int) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._partitions = partitions

    def publish(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        try:
            for start in range(0, len(records), RECORDS_AT_ONCE):
                self._append(stream, records[start : start + RECORDS_AT_ONCE])
        except redis.RedisError as error:
            raise StreamError(f"Valkey stream {stream} cannot be written: {error}") from error

    def _append(self, stream: str, records: Sequence[tuple[str, bytes]]) -> None:
        """Write records and read an answer for each. The client's own pipeline takes 8 us a record, this takes 2."""
        names = [_key(stream, partition).encode() for partition in range(self._partitions)]
        commands = [
            hiredis.pack_command((
                b"XADD", names[partition_of(key, self._partitions)], b"MAXLEN", b"~", _MAX_LENGTH, b"*", b"body", body,
            ))  # type: ignore[arg-type]  # its stub says a tuple of one
            for key, body in records
        ]  # fmt: skip
        connection: Any = self._client.connection_pool.get_connection()
        try:
            connection.send_packed_command([b"".join(commands)])
            for _ in commands:
                connection.read_response()
        except BaseException:
            # Answers that were not read would be taken for those of the next call.
            connection.disconnect()
            raise
        finally:
            self._client.connection_pool.release(connection)

    def close(self) -> None:
        self._client.close()
