"""Reading a stream with its progress in PostgreSQL: claiming partitions, fencing, dead letters."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from scoring.models import Outbox
from scoring.services.outbox import add_to_outbox
from scoring.transaction import mask_card_numbers
from streams.models import DeadLetter, StreamProgress
from streams.source import START, Message, Source

logger = logging.getLogger(__name__)

# A read of at least this many records of which none is valid is a producer gone wrong, not bad luck.
POISON_THRESHOLD = 100


class FencedError(Exception):
    """Another worker took this partition over; what this one had in hand is dropped, nothing was written."""


class PoisonedStreamError(Exception):
    """A whole read held no valid record. Nothing was committed; look at the producer, then start again."""


@dataclass(frozen=True)
class Refusal:
    """A record that is not what the stream carries, and why."""

    message: Message
    errors: list[dict[str, str]]


@dataclass
class Progress:
    """Partitions this worker owns, how far each is, and under which epoch."""

    stream: str
    positions: dict[int, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)

    def claim(self, source: Source) -> None:
        """Take every partition over; a worker that had one finds itself fenced."""
        for partition in source.partitions():
            with transaction.atomic():
                StreamProgress.objects.get_or_create(stream=self.stream, partition=str(partition))
                mine = StreamProgress.objects.filter(stream=self.stream, partition=str(partition))
                mine.update(epoch=F("epoch") + 1, updated_at=now())
                row = mine.get()
            self.positions[partition] = int(row.position) if row.position else START
            self.epochs[partition] = row.epoch

    def move(self, partition: int, position: int) -> None:
        """Record progress inside the caller's transaction.

        Raises:
            FencedError: the partition has another owner.
        """
        moved = StreamProgress.objects.filter(
            stream=self.stream, partition=str(partition), epoch=self.epochs[partition]
        ).update(position=str(position), updated_at=now())
        if not moved:
            raise FencedError(f"{self.stream}/{partition} has another owner")


def write_dead_letters(refusals: Sequence[Refusal]) -> None:
    """Keep refused records with their bytes, card numbers masked, inside the caller's transaction. Twice is once."""
    if not refusals:
        return
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(
                stream=refusal.message.stream,
                partition=str(refusal.message.partition),
                position=str(refusal.message.position),
                body=mask_card_numbers(refusal.message.body),
                errors=refusal.errors,
            )
            for refusal in refusals
        ],
        ignore_conflicts=True,
    )
    first = refusals[0].message
    kept = DeadLetter.objects.filter(
        stream=first.stream,
        partition=str(first.partition),
        position__in=[str(refusal.message.position) for refusal in refusals],
    )
    add_to_outbox(Outbox.Topic.DEAD_LETTERS, list(kept.values_list("id", flat=True)))
    logger.warning("%s: %s records refused, the first: %s", first.stream, len(refusals), json.dumps(refusals[0].errors))


def refuse_poison(messages: Sequence[Message], refusals: Sequence[Refusal]) -> None:
    """Stop where nothing is valid.

    Raises:
        PoisonedStreamError: nothing of these messages was committed.
    """
    if len(messages) >= POISON_THRESHOLD and len(refusals) == len(messages):
        first = refusals[0]
        raise PoisonedStreamError(
            f"{len(messages)} records of {first.message.stream}/{first.message.partition} in a row are invalid, "
            f"from position {first.message.position}: {first.errors}"
        )
