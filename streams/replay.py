"""Putting a stretch of the log through the engine again: what was decided stays, what is missing is decided now."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.timezone import now

from scoring.features.live import StateStore
from scoring.services.decisions import Arrival, Writer, decide_transactions
from streams.ledger.log import Span, Stretch, read_back
from streams.ledger.records import Fate, Placed, look_up
from streams.reader import Refusal, write_dead_letters
from streams.source import Source

MAX_EXAMPLES = 20
WRITER = "stream:replay"
HOLES = (Fate.MISSING, Fate.CONFLICT, Fate.INVALID)


@dataclass
class Replayed:
    """Records by what became of them, the first of those that the record had lost, and what could not be read."""

    fates: Counter[Fate] = field(default_factory=Counter)
    holes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def add(self, placed: Sequence[Placed]) -> None:
        self.fates.update(one.fate for one in placed)
        lost = (str(one) for one in placed if one.fate in HOLES)
        self.holes += list(lost)[: MAX_EXAMPLES - len(self.holes)]

    @property
    def has_holes(self) -> bool:
        return any(self.fates[fate] for fate in HOLES)

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.fates.total(),
            "decided_before": self.fates[Fate.DECIDED],
            "dead_letters_before": self.fates[Fate.LETTER],
            "missing": self.fates[Fate.MISSING],
            "conflicts": self.fates[Fate.CONFLICT],
            "invalid": self.fates[Fate.INVALID],
            "holes": self.holes,
            "unread": self.unread,
        }


def replay(
    source: Source,
    stretches: Sequence[Stretch],
    span: Span,
    *,
    store: StateStore | None,
    tell: Callable[[Replayed], object],
) -> Replayed:
    """Go through stretches of `transactions` and mend the record where it has holes.

    A valid record without a decision is decided now, a refused one without a dead letter becomes one; a record that has
    either is passed over. A batch is one database transaction, so it can be interrupted and begun anew at any time.
    store: the features' store; None only looks.

    Raises:
        StreamError, FeatureStoreError, OperationalError: batches before stand.
    """
    replayed = Replayed()
    for messages in read_back(source, stretches, span, tell_unread=replayed.unread.append):
        placed = look_up(messages, at=now())
        if store is not None:
            _mend([one for one in placed if one.fate in HOLES], store)
        replayed.add(placed)
        tell(replayed)
    return replayed


def _mend(holes: Sequence[Placed], store: StateStore) -> None:
    if not holes:
        return
    received_at = now()
    arrivals = [
        Arrival(
            one.transaction,
            received_at,
            f"stream:{one.message.stream}/{one.message.partition}",
            str(one.message.position),
        )
        for one in holes
        if one.transaction is not None
    ]
    invalid = [Refusal(one.message, list(one.errors)) for one in holes if one.fate is Fate.INVALID]
    messages = {(one.message.partition, str(one.message.position)): one.message for one in holes}

    def finish(conflicts: Sequence[Arrival]) -> None:
        why = [{"field": "transaction_id", "message": "was decided before with other content"}]
        different = [messages[one.source.rpartition("/")[2], one.position] for one in conflicts]
        write_dead_letters(invalid + [Refusal(message, why) for message in different])

    decide_transactions(arrivals, writer=Writer(name=WRITER, store=store, before_commit=finish))
