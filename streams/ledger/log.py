"""Reading a log back as far as the record goes: with positions of its own, no lease, progress untouched."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from scoring.models import Decision
from streams.models import StreamProgress
from streams.positions import Including
from streams.source import START, Message, Source, StreamError

BATCH = 1_000
WAIT_SECONDS = 0.5
# A log that gives nothing for so long though there should be more is not read to its end by waiting longer.
MAX_EMPTY_READS = 40
# More than any two clocks here, the broker's and the database's, are apart.
CLOCK_SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """From when to when, both included; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, message: Message) -> bool:
        """Whether a record came in it; one whose time the broker does not tell is taken to."""
        earliest = self.since.timestamp() if self.since else -inf
        latest = self.until.timestamp() if self.until else inf
        return not (message.produced_at < earliest or message.produced_at > latest)

    def is_over(self, message: Message) -> bool:
        """Whether nothing of the span can follow this record in its partition."""
        return self.until is not None and message.produced_at > (self.until + CLOCK_SLACK).timestamp()


@dataclass(frozen=True)
class Stretch:
    """What is to be read of a partition: after one position, up to and with another."""

    partition: str
    after: int
    last: int


def recorded_stretches(
    source: Source, stream: str, span: Span, *, partition: str | None = None, first: int = 0, last: int | None = None
) -> list[Stretch]:
    """What the worker has handled of each partition the broker still has: nothing beyond can be missing.

    first, last: positions, both included.

    Raises:
        StreamError: the broker does not tell its partitions.
    """
    rows = StreamProgress.objects.filter(stream=stream, partition__in=[one.name for one in source.partitions()])
    reached = {row.partition: int(row.position) for row in rows.exclude(position="")}
    stretches = [
        Stretch(
            partition=name,
            after=max(START, Including(first), _decided_before(f"stream:{stream}/{name}", span)),
            last=end if last is None else min(last, end),
        )
        for name, end in sorted(reached.items())
        if partition in {None, name}
    ]
    return [stretch for stretch in stretches if stretch.after < stretch.last]


def _decided_before(source: str, span: Span) -> int:
    """A position before which a partition has nothing of the span: one that was decided well before it began."""
    if span.since is None:
        return START
    earlier = Decision.objects.filter(source=source, decided_at__lt=span.since - CLOCK_SLACK).exclude(position="")
    position = earlier.order_by("-decided_at", "-id").values_list("position", flat=True).first()
    return START if position is None else int(position)


def read_back(
    source: Source, stretches: Sequence[Stretch], span: Span, *, tell_unread: Callable[[str], object]
) -> Iterator[list[Message]]:
    """Records of the stretches that came in the span, a batch at a time.

    `tell_unread` gets a sentence for each stretch that the log has no longer from its first record or to its last.

    Raises:
        StreamError: the broker failed, or gives no more though it has more.
    """
    positions = {stretch.partition: stretch.after for stretch in stretches}
    ends = {stretch.partition: stretch.last for stretch in stretches}
    begins = {s.partition: s.after.position for s in stretches if isinstance(s.after, Including)}
    while positions:
        messages = read_some(source, positions)
        if not messages:
            for name, position in positions.items():
                tell_unread(f"partition {name} ends at position {position}, but was handled up to {ends[name]}")
            return
        wanted = [message for message in messages if message.position <= ends[message.partition]]
        for message in messages:
            first = begins.pop(message.partition, message.position)
            if first != message.position:
                tell_unread(f"partition {message.partition} has no record at {first}; it was read from the next one on")
            positions[message.partition] = message.position
            if span.is_over(message):
                positions[message.partition] = ends[message.partition]
        positions = {name: position for name, position in positions.items() if position < ends[name]}
        yield [message for message in wanted if span.holds(message)]


def read_some(source: Source, positions: Mapping[str, int]) -> list[Message]:
    """What follows; empty at the end of the log.

    Raises:
        StreamError: the broker failed, or gives no more though it has more.
    """
    for _ in range(MAX_EMPTY_READS):
        messages = source.read(positions, limit=BATCH, wait_seconds=WAIT_SECONDS)
        if messages:
            return messages
        if source.lag(positions) == 0 or source.behind_seconds() == 0:
            return []
    raise StreamError("the broker gives nothing, and does not say that this is the end")
