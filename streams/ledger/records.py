"""What became of each record of the log: decided, a dead letter, or a hole in the record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from scoring.card_numbers import mask_card_numbers
from scoring.importing.ledger import stored_transactions
from scoring.transaction import InvalidTransactionError, Transaction, decode
from streams.dead_letters import is_masked
from streams.ledger.log import Span
from streams.models import DeadLetter
from streams.source import TRANSACTIONS, Message

CHUNK = 500
# A batch decodes its records before its transaction, whose time its letters bear.
DECODED_BEFORE = timedelta(minutes=1)


class Fate(Enum):
    """What the record says about one record of the log."""

    DECIDED = "decided"
    LETTER = "dead letter"
    MISSING = "valid, and neither decided nor a dead letter"
    CONFLICT = "its id is decided with other content, and it is no dead letter"
    INVALID = "invalid, and no dead letter"


@dataclass(frozen=True)
class Placed:
    """A record of the log and what became of it. `transaction` when it is valid, `errors` when it is not."""

    message: Message
    fate: Fate
    transaction: Transaction | None = None
    errors: Sequence[dict[str, str]] = ()
    # Its letter does not hold what the log holds.
    has_other_bytes: bool = False

    def __str__(self) -> str:
        name = f", transaction {self.transaction.transaction_id}" if self.transaction is not None else ""
        return f"{self.message.stream}/{self.message.partition}/{self.message.position}{name}: {self.fate.value}"


Letters = Mapping[tuple[str, int], bytes]


def look_up(messages: Sequence[Message], *, at: datetime) -> list[Placed]:
    """Find what the record says about records of `transactions`. `at`: when they are taken to be received."""
    read = [_read(message, at) for message in messages]
    names = [transaction.transaction_id for transaction, _ in read if transaction is not None]
    stored, letters = stored_transactions(names), _letters_of(messages)
    return [
        place(message, transaction, errors, stored=stored, letters=letters)
        for message, (transaction, errors) in zip(messages, read, strict=True)
    ]


def _read(message: Message, at: datetime) -> tuple[Transaction | None, Sequence[dict[str, str]]]:
    try:
        return decode(message.body, received_at=at), ()
    except InvalidTransactionError as error:
        return None, error.errors


def _letters_of(messages: Sequence[Message]) -> Letters:
    partitions = {message.partition for message in messages}
    positions = [str(message.position) for message in messages]
    letters = DeadLetter.objects.filter(stream=TRANSACTIONS, partition__in=partitions, position__any=positions)
    found = letters.values_list("partition", "position", "body")
    return {(partition, int(position)): bytes(body) for partition, position, body in found}


def place(
    message: Message,
    transaction: Transaction | None,
    errors: Sequence[dict[str, str]],
    *,
    stored: Mapping[str, Transaction],
    letters: Letters,
) -> Placed:
    """Compare a record with the decision of its id and the letter of its place. Pure."""
    letter = letters.get((message.partition, message.position))
    is_altered = letter is not None and letter != mask_card_numbers(message.body)
    decided = stored.get(transaction.transaction_id) if transaction is not None else None
    if decided is not None and decided == transaction:
        fate = Fate.DECIDED
    elif letter is not None:
        fate = Fate.LETTER
    elif transaction is None:
        fate = Fate.INVALID
    else:
        fate = Fate.MISSING if decided is None else Fate.CONFLICT
    return Placed(message, fate, transaction, errors, has_other_bytes=is_altered)


def letters_of_valid_records(span: Span) -> Iterator[tuple[int, list[DeadLetter]]]:
    """Waiting letters of `transactions` whose record could have been decided, with the number looked at, by chunks."""
    letters = DeadLetter.objects.filter(stream=TRANSACTIONS, state=DeadLetter.State.WAITING)
    if span.since is not None:
        letters = letters.filter(created_at__gte=span.since)
    if span.until is not None:
        letters = letters.filter(created_at__lte=span.until)
    last = 0
    while chunk := list(letters.filter(id__gt=last).order_by("id")[:CHUNK]):
        last = chunk[-1].id
        yield len(chunk), _without_reason(chunk)


def _without_reason(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    read: list[tuple[DeadLetter, Transaction]] = []
    for letter in letters:
        body = bytes(letter.body)
        if is_masked(body):
            continue
        try:
            read.append((letter, decode(body, received_at=letter.created_at - DECODED_BEFORE)))
        except InvalidTransactionError:
            continue
    stored = stored_transactions([sent.transaction_id for _, sent in read])
    return [letter for letter, sent in read if stored.get(sent.transaction_id, sent) == sent]
