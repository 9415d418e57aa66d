"""What a Kinesis shard can carry: how many a load needs and costs, and a warning before one is full."""

import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

logger = logging.getLogger(__name__)

# AWS's limits of one shard. Source: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_WRITE_BYTES = 1024 * 1024
SHARD_WRITE_RECORDS = 1_000
SHARD_READ_BYTES = 2 * 1024 * 1024
# Records are billed for writing by units of this size, each rounded up.
PAYLOAD_UNIT_BYTES = 25 * 1024
HOURS_A_MONTH = 730

# A shard this full leaves no room for a peak, and resharding takes minutes.
_NEARLY_FULL = 0.8
_WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Load:
    """What a stream has to carry."""

    records_per_second: float
    record_bytes: int  # body and key
    consumers: int = 1  # programs that read the whole stream; they share a shard's reading


@dataclass(frozen=True)
class Plan:
    """Shards for a load. `shards_by_limit` has no headroom in it and is not rounded."""

    shards: int
    limit: str
    shards_by_limit: dict[str, float]
    usd_a_month: float


def plan_shards(load: Load, *, headroom: float, prices: Mapping[str, float], is_kept_longer: bool = False) -> Plan:
    """How many shards a load needs so that the share `headroom` (0 to below 1) of each stays free, and their price.

    `is_kept_longer`: the retention is above the 24 hours that are in the price of a shard.
    """
    bytes_per_second = load.records_per_second * load.record_bytes
    needed = {
        "write bytes": bytes_per_second / SHARD_WRITE_BYTES,
        "write records": load.records_per_second / SHARD_WRITE_RECORDS,
        "read bytes": bytes_per_second * load.consumers / SHARD_READ_BYTES,
    }
    limit = max(needed, key=lambda name: needed[name])
    # Rounded before it is rounded up: 1.1 - 0.1 is a little more than 1 to a computer.
    shards = max(1, math.ceil(round(needed[limit] / (1 - headroom), 6)))
    return Plan(shards, limit, needed, _usd_a_month(load, shards, prices, is_kept_longer=is_kept_longer))


def _usd_a_month(load: Load, shards: int, prices: Mapping[str, float], *, is_kept_longer: bool) -> float:
    units = load.records_per_second * math.ceil(load.record_bytes / PAYLOAD_UNIT_BYTES) * 3600 * HOURS_A_MONTH
    shard_hour = prices["shard_hour"] + (prices["shard_hour_extended_retention"] if is_kept_longer else 0.0)
    return shards * HOURS_A_MONTH * shard_hour + units / 1_000_000 * prices["million_put_payload_units"]


class ShardMeter:
    """Watches how full the shards of one stream are and warns, at most once a minute and shard.

    Arrivals are counted by the second in which the broker took them, so that catching up with a backlog does not look
    like a full shard; reading by the second in which it happened.
    """

    def __init__(self, stream: str, *, clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._clock = clock
        self._arrivals: defaultdict[str, _Minute] = defaultdict(_Minute)
        self._reading: defaultdict[str, _Minute] = defaultdict(_Minute)
        self._warned_at: dict[str, float] = {}

    def add(self, shard: str, records: Sequence[tuple[float, int]], *, behind_seconds: float) -> None:
        """Note (arrived at, bytes) of records just read from a shard, oldest first."""
        now = self._clock()
        size = 0
        for arrived_at, length in records:
            self._arrivals[shard].add(int(arrived_at), length)
            size += length
        self._reading[shard].add(int(now), size, records=len(records))
        if now - self._warned_at.get(shard, -math.inf) >= _WINDOW_SECONDS:
            self._warn(shard, now, behind_seconds)

    def _warn(self, shard: str, now: float, behind_seconds: float) -> None:
        arrived_bytes, arrived_records = self._arrivals[shard].rates()
        read_bytes, _ = self._reading[shard].rates()
        shares = {
            f"takes in {arrived_bytes / SHARD_WRITE_BYTES:.2f} of 1 MB/s": arrived_bytes / SHARD_WRITE_BYTES,
            f"takes in {arrived_records:.0f} of 1,000 records/s": arrived_records / SHARD_WRITE_RECORDS,
            f"is read at {read_bytes / 2**20:.2f} of 2 MB/s": read_bytes / SHARD_READ_BYTES,
        }
        full = [words for words, used in shares.items() if used > _NEARLY_FULL]
        if full:
            self._warned_at[shard] = now
            logger.warning(
                "Kinesis stream %s: shard %s %s, read %.0f s behind; `manage.py shards` says how many shards it takes",
                self._stream, shard, " and ".join(full), behind_seconds,
            )  # fmt: skip


class _Minute:
    """Bytes and records by second, over the last minute up to the newest second seen."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()

    def add(self, second: int, size: int, *, records: int = 1) -> None:
        if not self._seconds or second > self._seconds[-1][0]:
            self._seconds.append([second, 0, 0])
            while self._seconds[0][0] <= second - _WINDOW_SECONDS:
                self._seconds.popleft()
        newest = self._seconds[-1]
        newest[1] += size
        newest[2] += records

    def rates(self) -> tuple[float, float]:
        """Bytes and records a second over the whole minute; what began later counts as nothing before."""
        sizes = sum(size for _, size, _ in self._seconds)
        return sizes / _WINDOW_SECONDS, sum(records for _, _, records in self._seconds) / _WINDOW_SECONDS
