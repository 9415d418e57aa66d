"""Delivers what decisions, labels, verdicts and dead letters have to cause: topics, cases, risk, shadows, reasons."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import BinaryField
from django.db.models.functions import Substr
from django.utils.timezone import now

from cases.services.alerts import open_cases
from cases.services.audit import draw_audit
from scoring.models import Decision, Outbox
from scoring.queries import as_recorded
from scoring.services.explaining import explain_decisions
from scoring.services.labels import apply_labels
from scoring.services.shadow import judge_in_shadow
from scoring.services.shadow_scores import score_in_shadow
from streams.connect import connect_publisher
from streams.models import DeadLetter
from streams.source import DEAD_LETTERS, DECISIONS, VERDICTS, Publisher

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(decimal_format="string")
_records = msgspec.msgpack.Decoder(list[tuple[str, bytes]])

Deliver = Callable[[Sequence[Outbox]], object]

# Delivered in one transaction: at a steady rate batches are small, and each transaction waits for the disk.
ROWS_AT_ONCE = 20
# A row holds as many decisions as are explained in a transaction.
_ROWS_OF: dict[str, int] = {Outbox.Topic.EXPLANATIONS: 1}
# Of a dead letter's body, on its topic: in base64 it stays well below the 1 MB a record may have on Kinesis and Kafka.
LETTER_BYTES = 512 * 1024
# After each transaction of these, what is nearer to people has its turn.
UNHURRIED = (Outbox.Topic.SHADOW, Outbox.Topic.SHADOW_MODELS, Outbox.Topic.EXPLANATIONS)


@cache
def _publisher() -> Publisher:
    return connect_publisher()


def relay_outbox() -> int:
    """Deliver every row that nobody else is delivering; the number delivered.

    What is asked in shadow or explained takes its time: after each transaction of it the other topics have their turn.

    A row is deleted in the transaction that delivers it: a crash between delivery and commit delivers it again, which
    cases and labels ignore and consumers of topics tell by the transaction id. A topic that fails keeps its rows and
    does not hold up the others.
    """
    delivered = 0
    while True:
        waiting = set(Outbox.objects.values_list("topic", flat=True).distinct())
        counts = {topic: _relay_topic(topic, deliver) for topic, deliver in DELIVERIES.items() if topic in waiting}
        delivered += sum(counts.values())
        # Alerts leave their explanations behind.
        if not any(counts.get(topic) for topic in (*UNHURRIED, Outbox.Topic.ALERTS)):
            return delivered


def _relay_topic(topic: str, deliver: Deliver) -> int:
    delivered = 0
    try:
        while count := _relay_some(topic, deliver):
            delivered += count
            if topic in UNHURRIED:
                break
    except Exception:
        # Whatever it is, the rows stay and are tried again: losing an effect is worse than a loud log.
        logger.exception("outbox topic %s could not be delivered; will try again", topic)
    return delivered


@transaction.atomic
def _relay_some(topic: str, deliver: Deliver) -> int:
    waiting = Outbox.objects.select_for_update(skip_locked=True).filter(topic=topic).order_by("id")
    rows = list(waiting[: _ROWS_OF.get(topic, ROWS_AT_ONCE)])
    if rows:
        deliver(rows)
        Outbox.objects.filter(id__in=[row.id for row in rows]).delete()
    return len(rows)


def _ids_of(rows: Sequence[Outbox]) -> list[int]:
    return [row_id for row in rows for row_id in row.ids]


def _deliver_decisions(rows: Sequence[Outbox]) -> None:
    """Publish them, then draw some for the audit: together with the rows, so that each decision is asked once."""
    _publish_decisions(rows)
    draw_audit(_ids_of(rows), now=now())


def _publish_decisions(rows: Sequence[Outbox]) -> None:
    _publisher().publish(DECISIONS, [record for row in rows for record in _records_of(row)])


def _records_of(row: Outbox) -> list[tuple[str, bytes]]:
    if row.payload:
        return _records.decode(row.payload)
    # Written before rows had a payload: an upgrade may find some.
    decisions = Decision.objects.filter(id__in=row.ids).order_by("id")
    return [(decision.card_id, _encoder.encode(as_recorded(decision))) for decision in decisions]


def _publish_verdicts(rows: Sequence[Outbox]) -> None:
    _publisher().publish(VERDICTS, [record for row in rows for record in _records.decode(row.payload)])


def _publish_dead_letters(rows: Sequence[Outbox]) -> None:
    letters = DeadLetter.objects.filter(id__in=_ids_of(rows)).order_by("id")
    # One byte too many shows that there are more. The rest is not fetched: a body may be large.
    beginning = Substr("body", 1, LETTER_BYTES + 1, output_field=BinaryField())
    told = letters.values("stream", "partition", "position", "errors", beginning=beginning)
    _publisher().publish(DEAD_LETTERS, [_letter_record(**letter) for letter in told])


def _letter_record(*, partition: str, position: str, beginning: bytes | memoryview, **fields: Any) -> tuple[str, bytes]:
    """Key: where the record stood. Value: reason and position, with the bytes as they came or the first of them."""
    said = fields | {
        "partition": partition,
        "position": position,
        "body": bytes(beginning)[:LETTER_BYTES],
        "body_truncated": len(beginning) > LETTER_BYTES,
    }
    return f"{partition}-{position}", _encoder.encode(said)


DELIVERIES: dict[str, Deliver] = {
    Outbox.Topic.ALERTS: lambda rows: open_cases(_ids_of(rows), now=now()),
    Outbox.Topic.LABELS: lambda rows: apply_labels(_ids_of(rows)),
    Outbox.Topic.DECISIONS: _deliver_decisions,
    Outbox.Topic.VERDICTS: _publish_verdicts,
    Outbox.Topic.DEAD_LETTERS: _publish_dead_letters,
    Outbox.Topic.EXPLANATIONS: lambda rows: explain_decisions(_ids_of(rows), at=now()),
    Outbox.Topic.SHADOW: lambda rows: judge_in_shadow(_ids_of(rows)),
    Outbox.Topic.SHADOW_MODELS: lambda rows: score_in_shadow(_ids_of(rows)),
}
