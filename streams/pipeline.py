"""From messages to decisions and labels: a batch over all partitions this worker holds, exactly one effect each.

A batch is read when the one before it is committed and its features are stored. What is slow downstream leaves records
in the broker: in memory wait at most 16 MB of Kafka's and 10 MB of a Kinesis shard.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from scoring.features.live import FeatureStoreLostError, StateStore
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.features import SettledWrites, settle_features
from scoring.services.rebuild import Progress, restore_features
from scoring.transaction import InvalidTransactionError, decode
from streams.labels import decode_labels, record_said
from streams.leases import FencedError, Handled, Leases
from streams.reader import Refusal, refuse_poison, write_dead_letters
from streams.source import LABELS, TRANSACTIONS, Message, Source

logger = logging.getLogger(__name__)


class Pipeline(ABC):
    """A stream, the partitions of it this worker holds, and what is done with their messages."""

    stream: str

    def __init__(self, source: Source, *, owner: str) -> None:
        self.leases = Leases(self.stream, owner=owner)
        self._source = source
        self._handled = Handled()
        self._oldest_seconds: float | None = None

    def step(self, *, wait_seconds: float) -> int:
        """Handle what is there, waiting a little for it; the number of messages.

        A batch of which a partition went to another worker meanwhile is dropped, what is still ours is read again.

        Raises:
            PoisonedStreamError, StreamError, FeatureStoreError, OperationalError: the batch is not committed, or its
            features are not stored; the next step begins where the record stands and mends them.
        """
        try:
            return self._step(wait_seconds)
        except FencedError as error:
            logger.warning("%s; the batch is dropped", error)
            self.leases.forget()
            return 0
        except BaseException:
            self.leases.forget()
            raise

    def release(self) -> None:
        """Leave the partitions to others."""
        self.leases.release()

    @abstractmethod
    def check(self) -> None:
        """Ask parts that the stream needs besides the broker and the record. Raises as they do, when one is away."""

    @abstractmethod
    def prepare(self) -> None:
        """Mend what was left undone in partitions just taken, before their first batch."""

    @abstractmethod
    def handle(self, messages: list[Message]) -> None:
        """Do what the messages ask for and `commit` them, in one database transaction."""

    def commit(self, messages: Sequence[Message], refusals: Sequence[Refusal]) -> None:
        """Write dead letters and progress of a batch in the caller's transaction.

        Raises:
            FencedError, PoisonedStreamError: the transaction must not commit.
        """
        has_valid = len(refusals) < len(messages)
        if not has_valid:
            refuse_poison(refusals, refused_before=self.leases.refused)
        write_dead_letters(refusals)
        self._handled = Handled(
            reached={message.partition: message.position for message in messages},
            refused=Counter(refusal.message.partition for refusal in refusals),
            has_valid=has_valid,
        )
        self.leases.move(self._handled)

    def _step(self, wait_seconds: float) -> int:
        if self.leases.is_due():
            self._take_turn()
        positions = self.leases.positions
        if not positions:
            return 0
        messages = self._source.read(positions, limit=settings.STREAM_BATCH_SIZE, wait_seconds=wait_seconds)
        self._oldest_seconds = _age_of_oldest(messages) if messages else self._source.behind_seconds()
        if messages:
            self.handle(messages)
            self.leases.advance(self._handled)
            self._source.tell(self.leases.positions)
        self.leases.finish(sorted(self._source.ended() & self.leases.positions.keys()))
        return len(messages)

    def _take_turn(self) -> None:
        # A worker that is cut off from something leaves its leases to run out: the others may reach it.
        partitions = self._source.partitions()
        self.check()
        taken = self.leases.turn(partitions)
        self._measure()
        if taken:
            self.prepare()

    def _measure(self) -> None:
        """Tell how far behind we are; nothing is known of a stream of which we hold nothing."""
        positions = self.leases.positions
        lag = self._source.lag(positions) if positions else None
        oldest_seconds = self._oldest_seconds if positions else None
        if lag == 0 and oldest_seconds is None:
            oldest_seconds = 0.0
        self.leases.tell(lag=lag, oldest_seconds=oldest_seconds)


def _age_of_oldest(messages: Sequence[Message]) -> float | None:
    """Seconds since the oldest record was produced; None when the broker does not say."""
    times = [message.produced_at for message in messages if message.produced_at == message.produced_at]  # not nan
    return max(0.0, time.time() - min(times)) if times else None


class TransactionsPipeline(Pipeline):
    """Decides what comes on `transactions`."""

    stream = TRANSACTIONS

    def __init__(self, source: Source, *, owner: str, store: StateStore, progress: Progress) -> None:
        super().__init__(source, owner=owner)
        self._store = store
        self._progress = progress
        self._settled = SettledWrites()

    def step(self, *, wait_seconds: float) -> int:
        """As any; a feature store that was lost is made again from the record first, which takes its time.

        Leases may run out meanwhile: no worker can decide before the store is whole, and then each takes its share.
        """
        try:
            return super().step(wait_seconds=wait_seconds)
        except FeatureStoreLostError as error:
            logger.warning("the feature store was lost: %s", error)
            restore_features(store=self._store, progress=self._progress)
            return 0

    def check(self) -> None:
        self._store.read([])

    def prepare(self) -> None:
        """Store the features of batches that were committed by workers, this one too, which then failed."""
        settle_features("stream:", store=self._store)
        self._settled = SettledWrites()

    def handle(self, messages: list[Message]) -> None:
        received_at = now()
        sources = {message.partition: f"stream:{self.stream}/{message.partition}" for message in messages}
        arrivals: list[Arrival] = []
        refusals: list[Refusal] = []
        for message in messages:
            try:
                payment = decode(message.body, received_at=received_at)
            except InvalidTransactionError as error:
                refusals.append(Refusal(message, error.errors))
            else:
                arrivals.append(Arrival(payment, received_at, sources[message.partition], str(message.position)))

        def finish(conflicts: Sequence[Arrival]) -> None:
            places = {(arrival.source, arrival.position) for arrival in conflicts}
            why = [{"field": "transaction_id", "message": "was decided before with other content"}]
            different = [
                Refusal(message, why)
                for message in (messages if places else ())
                if (sources[message.partition], str(message.position)) in places
            ]
            self.commit(messages, refusals + different)

        writer = Writer(name=f"stream:{self.stream}", store=self._store, before_commit=finish, settled=self._settled)
        decide_transactions(arrivals, writer=writer)


class LabelsPipeline(Pipeline):
    """Writes what comes on `labels` to the ledger."""

    stream = LABELS

    def check(self) -> None:
        """The record is all that labels need."""

    def prepare(self) -> None:
        """What is not committed is read again: nothing is left undone."""

    def handle(self, messages: list[Message]) -> None:
        said, refusals = decode_labels(messages)
        with transaction.atomic():
            self.commit(messages, refusals + record_said(said))
