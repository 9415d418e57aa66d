"""Which worker reads which partition: leases in PostgreSQL, the one mechanism for every broker.

Each worker announces itself, renews what it holds, takes what is free or has run out and lets go of the rest of its
own. Time is the database's; a worker's own clock only says when the next turn is due. A lease keeps workers out of
each other's way; what makes a batch count once is the epoch, which `move` checks in the transaction of its decisions.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from streams.models import StreamProgress, StreamWorker
from streams.source import START, Partition

logger = logging.getLogger(__name__)


class FencedError(Exception):
    """Another worker took partitions over; what this one had in hand is dropped, nothing was written."""

    def __init__(self, stream: str, partitions: Sequence[str]) -> None:
        super().__init__(f"{stream} {', '.join(partitions)} went to another worker")
        self.partitions = partitions


@dataclass(frozen=True)
class Handled:
    """A batch as progress sees it: the last position of each partition, and how many of its records were refused."""

    reached: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    has_valid: bool = False


def end_idle_transactions() -> None:
    """Have PostgreSQL end a transaction of this connection that stands still for as long as a lease.

    A worker that sleeps or is cut off in the middle of a batch would keep its partitions locked, and nobody could take
    them over.
    """
    milliseconds = f"{settings.STREAM_LEASE_SECONDS * 1000:.0f}"
    _rows("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [milliseconds])


class Leases:
    """The partitions of a stream that this worker holds, and how far each is."""

    def __init__(self, stream: str, *, owner: str) -> None:
        self.stream = stream
        self.owner = owner
        self.positions: dict[str, int] = {}
        # Records refused since the last batch that held a valid one, over all that is held.
        self.refused = 0
        self._epochs: dict[str, int] = {}
        self._vanished: set[str] = set()
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether a turn must come before the next batch."""
        return time.monotonic() >= self._due

    def turn(self, partitions: Sequence[Partition]) -> list[str]:
        """Renew, take, let go; the names of the partitions taken, of which another worker may have left work undone.

        Between batches only, and only by a worker that can work: what it holds is kept from the others.
        """
        due = time.monotonic() + settings.STREAM_RENEW_SECONDS
        number = self._announce()
        self._renew()
        claimable = self._claimable(partitions)
        share = self._share(len(claimable), number)
        kept = sorted(self.positions.keys() & set(claimable))[:share]
        self._drop(self.positions.keys() - set(kept))
        taken = self._take(claimable, share - len(kept))
        self._let_go()
        self._due = due
        return taken

    def tell(self, *, lag: int | None, oldest_seconds: float | None) -> None:
        """Leave what this worker sees of the stream to whoever watches; None is not known."""
        rows = StreamWorker.objects.filter(stream=self.stream, owner=self.owner)
        rows.update(lag_records=lag, oldest_seconds=oldest_seconds)

    def move(self, batch: Handled) -> None:
        """Record a batch in the caller's transaction; `advance` follows once that has committed.

        Raises:
            FencedError: some of its partitions have another owner; the transaction must not commit.
        """
        names = list(batch.reached)
        columns = [
            names, [str(batch.reached[name]) for name in names], [self._epochs[name] for name in names],
            [batch.refused.get(name, 0) for name in names],
        ]  # fmt: skip
        moved = _rows(_MOVE, [batch.has_valid, *columns, self.stream])
        if len(moved) != len(names):
            raise FencedError(self.stream, sorted(set(names) - {name for (name,) in moved}))
        if batch.has_valid and self.refused:
            StreamProgress.objects.filter(stream=self.stream, owner=self.owner, refused__gt=0).update(refused=0)

    def advance(self, batch: Handled) -> None:
        """What `move` recorded is committed."""
        self.positions.update(batch.reached)
        self.refused = 0 if batch.has_valid else self.refused + sum(batch.refused.values())

    def finish(self, partitions: Sequence[str]) -> None:
        """Mark partitions read to their end; their children are free to be taken, by the turn that is due now."""
        if partitions:
            _rows(_FINISH, [self.stream, self.owner, list(partitions)])
            self._drop(partitions)
            self._due = 0.0
            logger.info("%s %s: read to the end", self.stream, ", ".join(partitions))

    def forget(self) -> None:
        """Take again with the next turn, from where the record says it stands."""
        self._drop(self.positions.keys())
        self._due = 0.0

    def release(self) -> None:
        """Leave: others may take the partitions at once."""
        self.forget()
        self._let_go()
        StreamWorker.objects.filter(stream=self.stream, owner=self.owner).delete()

    def _announce(self) -> int:
        """Say that we live, and forget who has not for too long; our number, smaller than that of later workers."""
        ((number,),) = _rows(_ANNOUNCE, [self.stream, self.owner])
        _rows(_FORGET_DEAD, [self.stream, settings.STREAM_LEASE_SECONDS])
        return int(number)

    def _renew(self) -> None:
        renewed = _rows(_RENEW, [settings.STREAM_LEASE_SECONDS, self.stream, self.owner, list(self.positions)])
        if lost := sorted(self.positions.keys() - {name for (name,) in renewed}):
            logger.warning("%s %s went to another worker", self.stream, ", ".join(lost))
            self._drop(lost)

    def _claimable(self, partitions: Sequence[Partition]) -> list[str]:
        """Partitions that may be read now: not read to their end, and none of their parents is left to read."""
        rows = StreamProgress.objects.filter(stream=self.stream)
        known = dict(rows.values_list("partition", "finished_at"))
        unfinished = {partition.name for partition in partitions if known.get(partition.name) is None}
        self._miss({name for name, finished_at in known.items() if finished_at is None} - unfinished)
        claimable = [
            partition.name
            for partition in partitions
            if partition.name in unfinished and unfinished.isdisjoint(partition.parents)
        ]
        # What waits for its parents has no row yet, so that it does not count as something nobody reads.
        StreamProgress.objects.bulk_create(
            [StreamProgress(stream=self.stream, partition=name) for name in claimable if name not in known],
            ignore_conflicts=True,
        )
        return claimable

    def _miss(self, vanished: set[str]) -> None:
        """Say once of each partition that it went, too old or deleted, before it was read to its end."""
        if news := sorted(vanished - self._vanished):
            self._vanished |= vanished
            logger.error(
                "%s: the broker no longer has %s, not read to the end. What was left there was not decided: send it "
                "again, then set `finished_at` of the row in StreamProgress",
                self.stream, ", ".join(news),
            )  # fmt: skip

    def _share(self, count: int, number: int) -> int:
        """How many of `count` partitions are ours: as many as any other worker's, the oldest take what is left over."""
        rows = StreamWorker.objects.filter(stream=self.stream).exclude(owner=self.owner)
        others = list(rows.values_list("id", flat=True))
        each, left_over = divmod(count, len(others) + 1)
        return each + (sum(other < number for other in others) < left_over)

    def _let_go(self) -> None:
        """Leave to others whatever the record calls ours and we do not read: above our share, or forgotten."""
        if left := sorted(name for (name,) in _rows(_LET_GO, [self.stream, self.owner, list(self.positions)])):
            logger.info("%s %s: let go", self.stream, ", ".join(left))

    def _take(self, claimable: Sequence[str], wanted: int) -> list[str]:
        free = [name for name in claimable if name not in self.positions]
        if wanted <= 0 or not free:
            return []
        taken = _rows(_TAKE, [self.stream, free, self.owner, wanted, self.owner, settings.STREAM_LEASE_SECONDS])
        for name, position, epoch, refused in taken:
            self.positions[name] = int(position) if position else START
            self._epochs[name] = epoch
            self.refused += refused
        if taken:
            logger.info("%s %s: taken", self.stream, ", ".join(sorted(row[0] for row in taken)))
        return [row[0] for row in taken]

    def _drop(self, partitions: Iterable[str]) -> None:
        for name in list(partitions):
            del self.positions[name], self._epochs[name]
        if not self.positions:
            self.refused = 0


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


_ANNOUNCE = """
INSERT INTO streams_streamworker (stream, owner, seen_at) VALUES (%s, %s, now())
ON CONFLICT (stream, owner) DO UPDATE SET seen_at = now() RETURNING id
"""
_FORGET_DEAD = """
DELETE FROM streams_streamworker WHERE stream = %s AND seen_at < now() - make_interval(secs => %s) RETURNING id
"""
_RENEW = """
UPDATE streams_streamprogress SET lease_until = now() + make_interval(secs => %s)
WHERE stream = %s AND owner = %s AND partition = ANY(%s::text[]) RETURNING partition
"""
_LET_GO = """
UPDATE streams_streamprogress SET owner = '', lease_until = NULL
WHERE stream = %s AND owner = %s AND NOT partition = ANY(%s::text[]) RETURNING partition
"""
_FINISH = """
UPDATE streams_streamprogress SET finished_at = now(), owner = '', lease_until = NULL
WHERE stream = %s AND owner = %s AND partition = ANY(%s) RETURNING partition
"""
# What its owner is writing just now is locked, and left to it until the next turn.
_TAKE = """
WITH free AS MATERIALIZED (
  SELECT id FROM streams_streamprogress
  WHERE stream = %s AND partition = ANY(%s) AND finished_at IS NULL AND (owner IN ('', %s) OR lease_until < now())
  ORDER BY partition LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE streams_streamprogress AS progress
SET owner = %s, epoch = progress.epoch + 1, lease_until = now() + make_interval(secs => %s)
FROM free WHERE progress.id = free.id
RETURNING progress.partition, progress.position, progress.epoch, progress.refused
"""
_MOVE = """
UPDATE streams_streamprogress AS progress
SET position = batch.position, updated_at = now(),
    refused = CASE WHEN %s THEN 0 ELSE progress.refused + batch.refused END
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::int[]) AS batch (partition, position, epoch, refused)
WHERE progress.stream = %s AND progress.partition = batch.partition AND progress.epoch = batch.epoch
RETURNING progress.partition
"""
