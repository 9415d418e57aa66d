"""Kinesis as a log: a shard is a partition, its sequence numbers are positions.

Records are read shard after shard by GetRecords, within AWS's limits of a shard: five calls and 2 MB a second. What
one call brings beyond what was asked for waits in memory, so that a few large calls serve many small reads: at most
2,000 records or 10 MB a shard.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from streams.capacity import SHARD_READ_BYTES, ShardMeter
from streams.kinesis_client import (
    FAILURES,
    FIRST_BACKOFF_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    THROTTLED,
    code,
    connect,
)
from streams.positions import Including
from streams.source import START, Message, Partition, StreamError, in_turns

logger = logging.getLogger(__name__)

# Between two GetRecords of a shard: four a second leave one of the five for somebody who looks.
_POLL_SECONDS = 0.25
# Records asked for at once; AWS's limit is 10,000 and 10 MB.
_FETCH_LIMIT = 2_000


@dataclass
class _Shard:
    """Where reading stands in a shard."""

    given: int  # position of the last record handed out
    fetched: int  # position of the last record in `waiting`, or `given`
    iterator: str | None = None
    is_closed: bool = False
    # The first record of a new iterator is the one at `fetched` itself: it shows that it is still kept.
    repeats: bool = False
    # What AWS said last, and when by the monotonic clock; None when it has not answered yet, or refused to.
    behind_seconds: float | None = None
    answered_at: float = 0.0
    due_at: float = 0.0  # when GetRecords may be called again, by the monotonic clock
    backoff_seconds: float = FIRST_BACKOFF_SECONDS
    waiting: deque[Message] = field(default_factory=deque)


class KinesisSource:
    """Reads the shards of one stream from positions it is given."""

    def __init__(self, region: str, stream: str, *, endpoint_url: str = "") -> None:
        self._client = connect(region, endpoint_url, attempts=2)
        self._stream = stream
        self._shards: dict[str, _Shard] = {}
        self._meter = ShardMeter(stream)
        self._reads = 0
        self._read_at = 0.0

    def partitions(self) -> Sequence[Partition]:
        """Shards that are still listed, closed ones too until their records are older than the retention."""
        try:
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream)
            shards = [shard for page in pages for shard in page["Shards"]]
        except FAILURES as error:
            raise StreamError(f"Kinesis stream {self._stream} cannot be looked up: {error}") from error
        listed = {shard["ShardId"] for shard in shards}
        return [Partition(shard["ShardId"], _parents(shard, listed)) for shard in shards]

    def read(self, positions: Mapping[str, int], *, limit: int, wait_seconds: float) -> list[Message]:
        if not positions:
            return []
        shards = self._shards = {name: self._shard_at(name, position) for name, position in positions.items()}
        self._read_at = time.monotonic()
        deadline = self._read_at + wait_seconds
        while True:
            self._fetch_due(shards)
            found = self._take(shards, limit)
            pause = min([deadline, *(shard.due_at for shard in shards.values() if not shard.is_closed)])
            if found or time.monotonic() >= deadline:
                return found
            time.sleep(max(0.0, pause - time.monotonic()))

    def _shard_at(self, name: str, position: int) -> _Shard:
        """The shard as it stands, or anew where the last read did not end at the position."""
        shard = self._shards.get(name)
        if shard is None or shard.given != position:
            return _Shard(given=position, fetched=position)
        return shard

    def _fetch_due(self, shards: Mapping[str, _Shard]) -> None:
        """Ask every shard that has nothing waiting and may be asked."""
        for name, shard in shards.items():
            if shard.waiting or shard.is_closed or shard.due_at > time.monotonic():
                continue
            try:
                self._fetch(name, shard)
            except FAILURES as error:
                if code(error) not in THROTTLED:
                    raise StreamError(f"Kinesis stream {self._stream}: shard {name} cannot be read: {error}") from error
                shard.behind_seconds = None
                shard.due_at = time.monotonic() + shard.backoff_seconds
                shard.backoff_seconds = min(2 * shard.backoff_seconds, LONGEST_BACKOFF_SECONDS)
                logger.info("Kinesis stream %s: shard %s is throttled", self._stream, name)

    def _fetch(self, name: str, shard: _Shard) -> None:
        answer = self._get_records(name, shard)
        records = [self._as_message(name, record) for record in answer["Records"]]
        sizes = [len(record["Data"]) + len(record["PartitionKey"]) for record in answer["Records"]]
        arrivals = [(record.produced_at, size) for record, size in zip(records, sizes, strict=True)]
        shard.behind_seconds, shard.answered_at = answer.get("MillisBehindLatest", 0) / 1000, time.monotonic()
        self._meter.add(name, arrivals, behind_seconds=shard.behind_seconds)
        shard.iterator = answer.get("NextShardIterator")
        shard.is_closed = shard.iterator is None
        shard.backoff_seconds = FIRST_BACKOFF_SECONDS
        shard.due_at = time.monotonic() + max(_POLL_SECONDS, sum(sizes) / SHARD_READ_BYTES)
        if shard.repeats and records:
            records = self._without_known(name, shard, records)
        shard.waiting.extend(records)
        if records:
            shard.fetched = records[-1].position

    def _get_records(self, name: str, shard: _Shard) -> Any:
        """GetRecords; an iterator that was not used for five minutes is renewed from the position."""
        if shard.iterator is not None:
            try:
                return self._client.get_records(ShardIterator=shard.iterator, Limit=_FETCH_LIMIT)
            except ClientError as error:
                if code(error) != "ExpiredIteratorException":
                    raise
        shard.iterator = self._new_iterator(name, shard.fetched)
        shard.repeats = shard.fetched != START and not isinstance(shard.fetched, Including)
        return self._client.get_records(ShardIterator=shard.iterator, Limit=_FETCH_LIMIT)

    def _new_iterator(self, name: str, position: int) -> str:
        number = position.position if isinstance(position, Including) else position
        start = (
            {"ShardIteratorType": "TRIM_HORIZON"}
            if position == START
            else {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": str(number)}
        )
        answer = self._client.get_shard_iterator(StreamName=self._stream, ShardId=name, **start)
        return str(answer["ShardIterator"])

    def _without_known(self, name: str, shard: _Shard, records: list[Message]) -> list[Message]:
        """Leave out the record at the position; when it is not there, say what may be lost and go on.

        AWS starts at the oldest record it keeps without a word. It cannot be told whether there were records between,
        and stopping would only let more of them grow too old.
        """
        shard.repeats = False
        if records[0].position == shard.fetched:
            return records[1:]
        logger.error(
            "Kinesis stream %s: shard %s no longer keeps the record at %s; reading goes on with the oldest one, of %s. "
            "Payments between them, if there were any, were not decided: send them again",
            self._stream, name, shard.fetched, datetime.fromtimestamp(records[0].produced_at, UTC).isoformat(),
        )  # fmt: skip
        return records

    def _as_message(self, name: str, record: Mapping[str, Any]) -> Message:
        arrived_at = record["ApproximateArrivalTimestamp"]
        return Message(self._stream, name, int(record["SequenceNumber"]), record["Data"], arrived_at)

    def _take(self, shards: Mapping[str, _Shard], limit: int) -> list[Message]:
        self._reads += 1
        # No queue gives more than `limit`, however much waits.
        queues = [list(_first(shard.waiting, limit)) for shard in shards.values()]
        found = in_turns(queues, limit, first=self._reads)
        for message in found:
            shard = shards[message.partition]
            shard.waiting.popleft()
            shard.given = message.position
        return found

    def ended(self) -> frozenset[str]:
        return frozenset(name for name, shard in self._shards.items() if shard.is_closed and not shard.waiting)

    def lag(self, positions: Mapping[str, int]) -> int | None:
        """AWS tells how far behind reading is in time, not in records."""
        return None

    def behind_seconds(self) -> float | None:
        """By AWS's answers to the last read, or to the one before when that is so short ago that it could not be asked.

        None when a shard has not answered, as after throttling or while it may not be asked because it gave so much.
        """
        oldest = min(self._read_at, time.monotonic() - _POLL_SECONDS)
        answered = [shard for shard in self._shards.values() if shard.is_closed or shard.answered_at >= oldest]
        known = [shard.behind_seconds for shard in answered if shard.behind_seconds is not None]
        return max(known) if known and len(known) == len(self._shards) else None

    def tell(self, positions: Mapping[str, int]) -> None:
        """Kinesis keeps no positions of its readers."""

    def close(self) -> None:
        self._client.close()


def _parents(shard: Mapping[str, Any], listed: set[str]) -> tuple[str, ...]:
    """The shards one came from, as long as they are listed: afterwards nothing is left to read of them."""
    named = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return tuple(parent for parent in named if parent in listed)


def _first(messages: Iterable[Message], count: int) -> Iterator[Message]:
    for message, _ in zip(messages, range(count), strict=False):
        yield message
