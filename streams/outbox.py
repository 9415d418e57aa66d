"""Delivers what decisions, labels and dead letters have to cause: topics out, cases, merchant risk."""

import logging
from collections.abc import Callable, Sequence
from functools import cache

import msgspec
from django.db import transaction
from django.utils.timezone import now

from cases.services.alerts import open_cases
from scoring.models import Decision, Outbox
from scoring.queries import as_recorded
from scoring.services.labels import apply_labels
from scoring.services.store import batch_store
from streams.connect import connect_publisher
from streams.models import DeadLetter
from streams.source import DEAD_LETTERS, DECISIONS, Publisher

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(decimal_format="string")

Deliver = Callable[[Sequence[int]], object]


@cache
def _publisher() -> Publisher:
    return connect_publisher()


def relay_outbox() -> int:
    """Deliver every row that nobody else is delivering; the number delivered.

    A row is deleted in the transaction that delivers it: a crash between delivery and commit delivers it again, which
    cases and labels ignore and consumers of topics tell by the transaction id. A topic that fails keeps its rows and
    does not hold up the others.
    """
    return sum(_relay_topic(topic, deliver) for topic, deliver in DELIVERIES.items())


def _relay_topic(topic: str, deliver: Deliver) -> int:
    delivered = 0
    try:
        while _relay_one(topic, deliver):
            delivered += 1
    except Exception:
        # Whatever it is, the rows stay and are tried again: losing an effect is worse than a loud log.
        logger.exception("outbox topic %s could not be delivered; will try again", topic)
    return delivered


@transaction.atomic
def _relay_one(topic: str, deliver: Deliver) -> bool:
    row = Outbox.objects.select_for_update(skip_locked=True).filter(topic=topic).order_by("id").first()
    if row is None:
        return False
    deliver(row.ids)
    row.delete()
    return True


def _publish_decisions(ids: Sequence[int]) -> None:
    decisions = Decision.objects.filter(id__in=ids).order_by("id").defer("record", "features")
    _publisher().publish(DECISIONS, [(row.card_id, _encoder.encode(as_recorded(row))) for row in decisions])


def _publish_dead_letters(ids: Sequence[int]) -> None:
    """Key: where the record stood. Value: reason and position, with the bytes as they came."""
    _publisher().publish(
        DEAD_LETTERS,
        [
            (f"{row.partition}-{row.position}", _encoder.encode({
                "stream": row.stream, "partition": row.partition, "position": row.position,
                "errors": row.errors, "body": bytes(row.body),
            }))
            for row in DeadLetter.objects.filter(id__in=ids).order_by("id")
        ],
    )  # fmt: skip


DELIVERIES: dict[str, Deliver] = {
    Outbox.Topic.ALERTS: lambda ids: open_cases(ids, now=now()),
    Outbox.Topic.LABELS: lambda ids: apply_labels(ids, store=batch_store()),
    Outbox.Topic.DECISIONS: _publish_decisions,
    Outbox.Topic.DEAD_LETTERS: _publish_dead_letters,
}
