"""What people do with dead letters: send them again, corrected or as they are, or set them aside."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import CharField, QuerySet
from django.db.models.functions import MD5

from scoring.card_numbers import mask_card_numbers
from scoring.queries import decisions_of, transaction_of
from scoring.services.labels import LabelTimeError, check_times
from scoring.transaction import InvalidTransactionError, decode
from streams.labels import InvalidLabelError, decode_label
from streams.models import DeadLetter, DeadLetterEvent
from streams.source import LABELS, TRANSACTIONS, Publisher

Errors = list[dict[str, str]]
Event = DeadLetterEvent.Kind
State = DeadLetter.State

_TO_DO = (State.WAITING, State.SENDING)
# The shortest card number has 13 digits, of which masking leaves at most four.
_MASKED = re.compile(rb"(?:\*[ -]?){9}")


class NotWaitingError(Exception):
    """The letter was sent again or set aside meanwhile, or there is none of this number. Nothing changed."""


@dataclass
class Resent:
    """Ids of letters that were sent, and why the others were not."""

    sent: list[int] = field(default_factory=list)
    refused: dict[int, Errors] = field(default_factory=dict)


def text_of(body: bytes | memoryview) -> str:
    """A record as a person reads it; what is no text is replaced."""
    return bytes(body).decode(errors="replace")


def is_masked(body: bytes) -> bool:
    """Whether a card number was masked in it. A sender's own masking looks the same."""
    return _MASKED.search(body) is not None


def body_of(letter: DeadLetter, typed: str) -> bytes | None:
    """The record somebody typed; None when it is the letter's own, though a browser writes line ends its way."""
    typed = typed.replace("\r\n", "\n")
    return None if typed == text_of(letter.body).replace("\r\n", "\n") else typed.encode()


def in_words(errors: Errors) -> list[str]:
    """A sentence an error, its field first."""
    return [f"{error['field']}: {error['message']}".removeprefix(": ") for error in errors]


def resend_letters(
    bodies: Mapping[int, bytes | None], *, by: User | None, at: datetime, publisher: Publisher
) -> Resent:
    """Send dead letters to their streams again: with the body given, or (None) as they are.

    A letter that its stream would refuse once more is not sent; `refused` says why. Before anything leaves, the letters
    are committed as being sent: after a crash they show as that and can be sent again, which is harmless, for a
    payment is decided once and a label counted once.

    Raises:
        StreamError: the letters that were not refused are left as being sent; some may have gone out.
    """
    report, records = _mark_sending(bodies, by, at)
    for stream, waiting in records.items():
        publisher.publish(stream, waiting)
    DeadLetter.objects.filter(id__in=report.sent).update(state=State.SENT)
    return report


Records = dict[str, list[tuple[str, bytes]]]


@transaction.atomic(durable=True)
def _mark_sending(bodies: Mapping[int, bytes | None], by: User | None, at: datetime) -> tuple[Resent, Records]:
    unknown = [_error("", "there is no such dead letter")]
    report, records = Resent(refused=dict.fromkeys(bodies, unknown)), defaultdict(list)
    for letter in DeadLetter.objects.select_for_update().filter(id__in=list(bodies)).order_by("id"):
        body = bodies[letter.id]
        try:
            key = _key_of(letter, body, at)
        except InvalidTransactionError as error:
            report.refused[letter.id] = error.errors
        else:
            del report.refused[letter.id]
            report.sent.append(letter.id)
            records[letter.stream].append((key, bytes(letter.body) if body is None else body))
    DeadLetter.objects.filter(id__in=report.sent).update(state=State.SENDING)
    DeadLetterEvent.objects.bulk_create(
        DeadLetterEvent(letter_id=letter_id, kind=Event.RESEND, actor=by, happened_at=at, body=_kept(bodies[letter_id]))
        for letter_id in report.sent
    )
    return report, records


def _kept(body: bytes | None) -> bytes | None:
    return None if body is None else mask_card_numbers(body)


def set_aside(letter_ids: Sequence[int], *, reason: str, by: User | None, at: datetime) -> None:
    """Record that nothing is to be done about letters.

    Raises:
        NotWaitingError: one of them is not waiting; none was set aside.
    """
    with transaction.atomic():
        changed = DeadLetter.objects.filter(id__in=letter_ids, state__in=_TO_DO).update(state=State.SET_ASIDE)
        if changed != len(set(letter_ids)):
            raise NotWaitingError("sent again or set aside before, or there is no such dead letter")
        DeadLetterEvent.objects.bulk_create(
            DeadLetterEvent(letter_id=letter_id, kind=Event.SET_ASIDE, actor=by, happened_at=at, reason=reason)
            for letter_id in set(letter_ids)
        )


def faults_of(letter: DeadLetter, body: bytes | None, *, at: datetime) -> Errors:
    """Why a letter cannot be sent again with this body (None: its own); empty when it can."""
    try:
        _key_of(letter, body, at)
    except InvalidTransactionError as error:
        return error.errors
    return []


def _key_of(letter: DeadLetter, body: bytes | None, at: datetime) -> str:
    """What the record is sent under.

    Raises:
        InvalidTransactionError: it cannot be sent, or its stream would refuse it.
    """
    sent = bytes(letter.body) if body is None else body
    if letter.state == State.SENT:
        raise _refusal("", "was sent again before")
    if letter.stream not in _READERS:
        raise _refusal("", f"records of {letter.stream} cannot be sent again")
    if is_masked(sent):
        raise _refusal("", "holds a card number that was masked here; put the token in its place")
    return _READERS[letter.stream](sent, at)


def letters_after(letter: DeadLetter) -> QuerySet[DeadLetter]:
    """The letters that this one became when what was sent was refused again."""
    bodies = [event.body or letter.body for event in letter.events.filter(kind=Event.RESEND)]
    digests = [md5(body, usedforsecurity=False).hexdigest() for body in bodies]
    later = DeadLetter.objects.filter(stream=letter.stream, id__gt=letter.id)
    return later.alias(digest=MD5("body", output_field=CharField())).filter(digest__in=digests).order_by("id")


def _read_payment(body: bytes, at: datetime) -> str:
    """The key a payment is sent under: its card, which keeps its payments in order.

    Raises:
        InvalidTransactionError: the stream would refuse it.
    """
    sent = decode(body, received_at=at)
    decided = decisions_of([sent.transaction_id]).get(sent.transaction_id)
    if decided is not None and transaction_of(decided) != sent:
        raise _refusal("transaction_id", "was decided before with other content")
    return sent.card_id


def _read_label(body: bytes, at: datetime) -> str:
    """The key a label is sent under.

    Raises:
        InvalidTransactionError: the stream would refuse it.
    """
    try:
        said = decode_label(body)
        decided = decisions_of([said.transaction_id]).get(said.transaction_id)
        check_times(said.known_at, said.asserted_at, occurred_at=decided.occurred_at if decided else None)
    except InvalidLabelError as error:
        raise _refusal("", str(error)) from error
    except LabelTimeError as error:
        raise _refusal(error.field, str(error)) from error
    if decided is None:
        raise _refusal("transaction_id", "was never decided here")
    return said.transaction_id


_READERS: dict[str, Callable[[bytes, datetime], str]] = {TRANSACTIONS: _read_payment, LABELS: _read_label}


def _refusal(name: str, message: str) -> InvalidTransactionError:
    return InvalidTransactionError([_error(name, message)])


def _error(name: str, message: str) -> dict[str, str]:
    return {"field": name, "message": message}
