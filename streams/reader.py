"""What a stream carries that it should not: dead letters, and when there are too many of them."""

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from scoring.card_numbers import mask_card_numbers
from scoring.models import Outbox
from scoring.services.outbox import add_to_outbox
from streams.models import DeadLetter
from streams.source import Message

logger = logging.getLogger(__name__)


class PoisonedStreamError(Exception):
    """Too many records in a row are invalid. Nothing of the last batch was committed; look at the producer."""


@dataclass(frozen=True)
class Refusal:
    """A record that is not what the stream carries, and why."""

    message: Message
    errors: list[dict[str, str]]


def write_dead_letters(refusals: Sequence[Refusal]) -> None:
    """Keep refused records with their bytes, card numbers masked, inside the caller's transaction. Twice is once."""
    if not refusals:
        return
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(
                stream=refusal.message.stream,
                partition=refusal.message.partition,
                position=str(refusal.message.position),
                body=mask_card_numbers(refusal.message.body),
                errors=refusal.errors,
            )
            for refusal in refusals
        ],
        ignore_conflicts=True,
    )
    add_to_outbox(Outbox.Topic.DEAD_LETTERS, _ids_of([refusal.message for refusal in refusals]))
    for stream, count in Counter(refusal.message.stream for refusal in refusals).items():
        logger.warning("%s: %s records refused, the first: %s", stream, count, json.dumps(refusals[0].errors))


def _ids_of(messages: Sequence[Message]) -> list[int]:
    places = {(message.stream, message.partition, str(message.position)) for message in messages}
    streams, partitions, positions = map(set, zip(*places, strict=True))
    # Of several partitions: the rows asked for may stand at a position that was refused in another one.
    rows = DeadLetter.objects.filter(stream__in=streams, partition__in=partitions, position__in=positions)
    found = rows.order_by("id").values_list("id", "stream", "partition", "position")
    return [letter_id for letter_id, *place in found if tuple(place) in places]


def refuse_poison(refusals: Sequence[Refusal], *, refused_before: int) -> None:
    """Stop a batch without any valid record (all are `refusals`) once the run of refused ones is too long.

    The run is counted by batches, over all partitions this worker holds: a batch with a valid record begins it anew.
    It is kept with the progress, so that restarts do not let poison through a little at a time.

    Raises:
        PoisonedStreamError: nothing of the batch may be committed.
    """
    count = refused_before + len(refusals)
    if count >= settings.STREAM_POISON_THRESHOLD:
        first = refusals[0]
        raise PoisonedStreamError(
            f"{count} records of {first.message.stream} in a row are invalid; this batch begins at partition "
            f"{first.message.partition}, position {first.message.position}: {first.errors}"
        )
