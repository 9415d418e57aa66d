"""From messages to decisions and labels: one batch of one partition at a time, exactly one effect each."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils.timezone import now
from msgspec import Meta

from scoring.features.live import StateStore
from scoring.services.decisions import Arrival, Writer, decide_transactions, recover_features
from scoring.services.labels import LabelStatement, LabelTimeError, UnknownTransactionError, record_labels
from scoring.transaction import InvalidTransactionError, decode
from streams.reader import Progress, Refusal, refuse_poison, write_dead_letters
from streams.source import LABELS, TRANSACTIONS, Message, Source

Handler = Callable[[Progress, list[Message]], None]


class Pipeline:
    """A stream, its progress, and what is done with its messages."""

    def __init__(self, source: Source, *, stream: str, handle: Handler) -> None:
        self._source = source
        self._handle = handle
        self.progress = Progress(stream)

    def claim(self) -> None:
        """Take the partitions over."""
        self.progress.claim(self._source)

    def step(self, *, wait_seconds: float) -> int:
        """Handle what is there, waiting a little for it; the number of messages.

        Raises:
            FencedError, PoisonedStreamError, StreamError, FeatureStoreError, OperationalError: the batch is not
            committed; claim again or start again.
        """
        messages = self._source.read(
            self.progress.positions, limit=settings.STREAM_BATCH_SIZE, wait_seconds=wait_seconds
        )
        by_partition: dict[int, list[Message]] = defaultdict(list)
        for message in messages:
            by_partition[message.partition].append(message)
        for partition, batch in by_partition.items():
            self._handle(self.progress, batch)
            self.progress.positions[partition] = batch[-1].position
        return len(messages)

    def lag(self) -> int:
        """Records not handled yet."""
        return self._source.lag(self.progress.positions)

    def close(self) -> None:
        self._source.close()


def transactions_pipeline(source: Source, *, store: StateStore) -> Pipeline:
    """Decides what comes on `transactions`; features a crash left behind are mended first."""

    def handle(progress: Progress, messages: list[Message]) -> None:
        decide_messages(progress, messages, store=store)

    pipeline = Pipeline(source, stream=TRANSACTIONS, handle=handle)
    pipeline.claim()
    for partition in pipeline.progress.positions:
        recover_features(source=_source_name(partition), store=store)
    return pipeline


def labels_pipeline(source: Source) -> Pipeline:
    """Writes what comes on `labels` to the ledger."""
    pipeline = Pipeline(source, stream=LABELS, handle=record_messages)
    pipeline.claim()
    return pipeline


def _source_name(partition: int) -> str:
    return f"stream:{TRANSACTIONS}/{partition}"


def decide_messages(progress: Progress, messages: list[Message], *, store: StateStore) -> None:
    """Decide one batch of one partition; decisions, dead letters, outbox and progress are one database transaction."""
    received_at = now()
    arrivals: list[Arrival] = []
    refusals: list[Refusal] = []
    for message in messages:
        try:
            transaction_ = decode(message.body, received_at=received_at)
        except InvalidTransactionError as error:
            refusals.append(Refusal(message, error.errors))
        else:
            arrivals.append(Arrival(transaction_, received_at, message.position))
    refuse_poison(messages, refusals)
    by_position = {message.position: message for message in messages}

    def finish(conflicts: Sequence[Arrival]) -> None:
        why = [{"field": "transaction_id", "message": "was decided before with other content"}]
        different = [
            Refusal(by_position[arrival.position], why) for arrival in conflicts if arrival.position is not None
        ]
        write_dead_letters(refusals + different)
        progress.move(messages[-1].partition, messages[-1].position)

    writer = Writer(source=_source_name(messages[-1].partition), store=store, before_commit=finish)
    decide_transactions(arrivals, writer=writer)


class LabelMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label on its topic."""

    transaction_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
    label: Literal["fraud", "legitimate"]
    source: Literal["chargeback", "issuer_report", "customer", "analyst"]
    known_at: Annotated[datetime, Meta(tz=True)]
    # PostgreSQL takes no NUL.
    note: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*\Z")] = ""


_label_decoder = msgspec.json.Decoder(LabelMessage)


def record_messages(progress: Progress, messages: list[Message]) -> None:
    """Write one batch of labels; those that are none, or name no payment of ours, are dead letters."""
    refusals: list[Refusal] = []
    with transaction.atomic():
        for message in messages:
            try:
                said = _label_decoder.decode(message.body)
                with transaction.atomic():
                    record_labels(
                        [LabelStatement(said.transaction_id, said.label, said.source, said.known_at, said.note)],
                        author=None,
                    )
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                refusals.append(Refusal(message, [{"field": "", "message": str(error).replace("\x00", "\ufffd")}]))
            except LabelTimeError as error:
                refusals.append(Refusal(message, [{"field": "known_at", "message": str(error)}]))
            except UnknownTransactionError:
                why = [{"field": "transaction_id", "message": "was never decided here"}]
                refusals.append(Refusal(message, why))
        write_dead_letters(refusals)
        progress.move(messages[-1].partition, messages[-1].position)
