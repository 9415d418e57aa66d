"""Labels from their topic: decoded, recorded, and kept waiting while their payment is not decided here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from msgspec import Meta

from scoring.card_numbers import quotable
from scoring.models import Decision
from scoring.services.labels import LabelStatement, LabelTimeError, record_labels
from streams.models import WaitingLabel
from streams.reader import Refusal, write_dead_letters
from streams.source import Message

RETRY_CHUNK = 500
_IS_DECIDED = Exists(Decision.objects.filter(transaction_id=OuterRef("transaction_id")))


class LabelMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label on its topic."""

    transaction_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
    label: Literal["fraud", "legitimate", "withdrawn"]
    source: Literal["chargeback", "issuer_report", "customer", "analyst"]
    known_at: Annotated[datetime, Meta(tz=True)]
    # PostgreSQL takes no NUL.
    note: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")] = ""
    asserted_at: Annotated[datetime, Meta(tz=True)] | None = None
    reason: Annotated[str, Meta(max_length=64, pattern=r"^[^\x00]*\Z")] = ""


Said = tuple[Message, LabelMessage]
_decoder = msgspec.json.Decoder(LabelMessage)


class InvalidLabelError(Exception):
    """The record is not a label; the message says why, without card numbers."""


def decode_label(body: bytes) -> LabelMessage:
    """Read one label. Raises: InvalidLabelError."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidLabelError(quotable(str(error))) from error


def decode_labels(messages: Sequence[Message]) -> tuple[list[Said], list[Refusal]]:
    """What the messages say, and those that are no labels."""
    said: list[Said] = []
    refusals: list[Refusal] = []
    for message in messages:
        try:
            said.append((message, decode_label(message.body)))
        except InvalidLabelError as error:
            refusals.append(Refusal(message, [{"field": "", "message": str(error)}]))
    return said, refusals


def record_said(said: Sequence[Said]) -> list[Refusal]:
    """Write labels to the ledger in the caller's transaction; those of unknown payments wait. The refused ones."""
    wanted = [label.transaction_id for _, label in said]
    known = set(Decision.objects.filter(transaction_id__any=wanted).values_list("transaction_id", flat=True))
    WaitingLabel.objects.bulk_create(
        [
            WaitingLabel(
                stream=message.stream,
                partition=message.partition,
                position=str(message.position),
                transaction_id=label.transaction_id,
                body=message.body,
            )
            for message, label in said
            if label.transaction_id not in known
        ],
        ignore_conflicts=True,
    )
    return _record_known([(message, label) for message, label in said if label.transaction_id in known])


def _record_known(said: Sequence[Said]) -> list[Refusal]:
    try:
        _record([label for _, label in said])
    except LabelTimeError:
        # One of them spoils all: find it.
        return [refusal for one in said for refusal in _record_one(*one)]
    return []


def _record_one(message: Message, label: LabelMessage) -> list[Refusal]:
    try:
        _record([label])
    except LabelTimeError as error:
        return [Refusal(message, [{"field": error.field, "message": str(error)}])]
    return []


def _record(labels: Sequence[LabelMessage]) -> None:
    statements = [LabelStatement(**msgspec.structs.asdict(label)) for label in labels]
    if statements:
        record_labels(statements, author=None)


def retry_waiting_labels() -> int:
    """Record the waiting labels whose payment was decided, refuse those that waited too long; the number settled."""
    settled = 0
    while count := _settle_known():
        settled += count
    while count := _settle_overdue():
        settled += count
    return settled


@transaction.atomic
def _settle_known() -> int:
    rows = _locked(WaitingLabel.objects.filter(_IS_DECIDED))
    write_dead_letters(record_said([(_message_of(row), _decoder.decode(row.body)) for row in rows]))
    return _forget(rows)


@transaction.atomic
def _settle_overdue() -> int:
    patience = timedelta(seconds=settings.LABEL_PATIENCE_SECONDS)
    rows = _locked(WaitingLabel.objects.filter(~_IS_DECIDED, since__lt=Now() - patience))
    why = [{"field": "transaction_id", "message": "was never decided here"}]
    write_dead_letters([Refusal(_message_of(row), why) for row in rows])
    return _forget(rows)


def _locked(rows: QuerySet[WaitingLabel]) -> list[WaitingLabel]:
    return list(rows.select_for_update(skip_locked=True, of=("self",)).order_by("id")[:RETRY_CHUNK])


def _forget(rows: Sequence[WaitingLabel]) -> int:
    return WaitingLabel.objects.filter(id__in=[row.id for row in rows]).delete()[0] if rows else 0


def _message_of(row: WaitingLabel) -> Message:
    return Message(row.stream, row.partition, int(row.position), bytes(row.body))
