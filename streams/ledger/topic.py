"""The topic `decisions`, read back: what the outside was told, beside what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from django.db.models import Max, Min

from scoring.models import Decision, Outbox
from scoring.queries import as_recorded
from streams.ledger.effects import decisions_in, pending_ids, with_effects
from streams.ledger.log import CLOCK_SLACK, Span, read_some
from streams.ledger.report import Check
from streams.source import START, Message, Partition, Source

CHUNK = 10_000
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_encoder = msgspec.json.Encoder(decimal_format="string")


class Published(msgspec.Struct, frozen=True):
    """What is needed to find the decision of a message."""

    transaction_id: str
    decided_at: datetime


_decoder = msgspec.json.Decoder(Published)


@dataclass
class Topic:
    """How far the topic is read, where it begins, and which decisions were seen on it.

    kept_for: how long the broker keeps any record at least; None when it makes no such promise.
    seen: bool, a place for each decision id from `first_id` on; others are not asked for.
    """

    source: Source
    first_id: int
    seen: np.ndarray[Any, np.dtype[np.bool_]]
    partitions: Sequence[Partition]
    kept_for: timedelta | None
    positions: dict[str, int]
    begins: dict[str, tuple[int, datetime]] = field(default_factory=dict)

    def horizon(self) -> datetime:
        """Decisions made before this may have left the topic.

        A partition has lost none if its first record is at 0. One that came from others that are still there has lost
        none either: theirs are older and would have gone first.
        """
        roots = [self.begins[one.name] for one in self.partitions if not one.parents and one.name in self.begins]
        first = max((at for position, at in roots if position > 0), default=None)
        if self.kept_for is None:
            return first or _BEGINNING
        promised = datetime.now(UTC) - self.kept_for + CLOCK_SLACK
        return min(first or promised, promised)


def check_topic(
    source: Source, span: Span, *, effects: Check, answers: Check, started: datetime, kept_for: timedelta | None
) -> None:
    """Each decision of the span is on the topic, and what is on the topic is what is stored.

    Read twice: what was still on its way to the topic when its end was reached is there when its outbox row is gone.

    Raises:
        StreamError: the topic cannot be read.
    """
    decisions = with_effects(decisions_in(span))
    ids = decisions.aggregate(first=Min("id"), last=Max("id"))
    first, last = ids["first"] or 0, ids["last"] or -1
    partitions = source.partitions()
    positions = dict.fromkeys([one.name for one in partitions], START)
    topic = Topic(source, first, np.zeros(last - first + 1, bool), partitions, kept_for, positions)
    answers.count("published decisions compared", 0)
    _read_on(topic, effects, answers, until=started)
    unseen = list(_unseen(topic, first, last, span))
    pending = set(pending_ids(Outbox.Topic.DECISIONS)) if unseen else set()
    if unseen:
        _read_on(topic, effects, answers, until=datetime.now(UTC))
    effects.count("decisions looked for on the topic", decisions.filter(id__lte=last).count())
    missing = [one for one in unseen if one not in pending and not topic.seen[one - first]]
    _report_missing(effects, missing, topic.horizon())


def _read_on(topic: Topic, effects: Check, answers: Check, *, until: datetime) -> None:
    """Read from where we are to the end, or on a busy topic past a time."""
    while messages := read_some(topic.source, topic.positions):
        for message in messages:
            topic.positions[message.partition] = message.position
        newest = _compare(topic, messages, effects, answers)
        if newest is not None and newest > until:
            return


def _compare(topic: Topic, messages: Sequence[Message], effects: Check, answers: Check) -> datetime | None:
    """Look at one read; the earliest time of decision in it."""
    told = list(_read(messages, answers))
    names = [published.transaction_id for _, published in told]
    stored = {
        row.transaction_id: row
        for row in Decision.objects.filter(transaction_id__any=names).defer("record", "features")
    }
    for message, published in told:
        topic.begins.setdefault(message.partition, (message.position, published.decided_at))
        row = stored.get(published.transaction_id)
        if row is None:
            effects.fault(f"{_place(message)}: transaction {published.transaction_id} was published and is not stored")
            continue
        if 0 <= row.id - topic.first_id < len(topic.seen):
            topic.seen[row.id - topic.first_id] = True
        answers.count("published decisions compared")
        if fields := differing(message.body, row):
            words = f"{_place(message)}: transaction {row.transaction_id} differs in {', '.join(fields)}"
            answers.fault(words)
            effects.fault(words)
    return min((published.decided_at for _, published in told), default=None)


def _read(messages: Sequence[Message], answers: Check) -> Iterator[tuple[Message, Published]]:
    for message in messages:
        try:
            yield message, _decoder.decode(message.body)
        except msgspec.MsgspecError:
            answers.fault(f"{_place(message)} is no decision")


def differing(body: bytes, row: Decision) -> list[str]:
    """Names of what was published otherwise than it is stored. A field that came into the form later may be missing."""
    encoded = _encoder.encode(as_recorded(row))
    if encoded == body:
        return []
    told: Mapping[str, Any] = msgspec.json.decode(body)
    stored: Mapping[str, Any] = msgspec.json.decode(encoded)
    return [name for name, value in told.items() if name not in stored or stored[name] != value]


def _unseen(topic: Topic, first: int, last: int, span: Span) -> Iterator[int]:
    """Ids of decisions with effects that were not seen on the topic, a chunk of the table at a time."""
    decisions = with_effects(decisions_in(span)).order_by("id")
    for start in range(first, last + 1, CHUNK):
        if topic.seen[start - first : start - first + CHUNK].all():
            continue
        for one in decisions.filter(id__gte=start, id__lt=start + CHUNK, id__lte=last).values_list("id", flat=True):
            if not topic.seen[one - first]:
                yield one


def _report_missing(effects: Check, missing: Sequence[int], horizon: datetime) -> None:
    old = 0
    for start in range(0, len(missing), CHUNK):
        rows = Decision.objects.filter(id__in=missing[start : start + CHUNK]).order_by("id")
        for name, decided_at in rows.values_list("transaction_id", "decided_at"):
            if decided_at < horizon:
                old += 1
            else:
                effects.fault(f"transaction {name} is not on the topic decisions")
    if old:
        effects.unknown.append(
            f"{old:,} decisions made before {horizon:%Y-%m-%d %H:%M:%S} UTC are not on the topic, "
            "which may have dropped them by now"
        )


def _place(message: Message) -> str:
    return f"{message.stream}/{message.partition}/{message.position}"
