"""Steps of the Celery workers: `worker --stream` consumes the streams, a plain worker relays the outbox and features.

Both are threads of the worker: Celery gives start, warm shutdown and supervision. A thread that dies, or a stream's
that hangs, takes its worker down, so that whoever supervises the process sees it. Any number of stream workers share
the partitions.
"""

import gc
import logging
import secrets
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from django.conf import settings

from scoring.features.live import FeatureStoreError, FeatureStoreLostError
from scoring.silence import SILENCE_SECONDS, BoundedConnection, answers_within
from streams.source import LABELS, TRANSACTIONS, StreamError
from streams.thread_step import RETRY_SECONDS, ThreadStep, is_passing
from streams.watchdog import StreamWatchdog

if TYPE_CHECKING:
    from scoring.features.live import StateStore
    from streams.pipeline import Pipeline

logger = logging.getLogger(__name__)

# How long a step waits for records before it looks whether it should stop.
WAIT_SECONDS = 0.5
COLLECT_AFTER = 100_000
# The relay looks by itself this often, for a notification that was lost with its connection.
RELAY_SECONDS = 1.0
# Between two deliveries rows gather: each round costs some transactions, whether for one batch or for ten.
RELAY_PAUSE_SECONDS = 0.05
# For one answer of the database: some times what the longest statement takes, of the features' rebuild or the figures.
# A stream worker ends itself before that, after STREAM_STALL_SECONDS.
WORKER_SILENCE_SECONDS = 300.0


def spare_the_collector() -> None:
    """Leave what was imported out of garbage collections, and collect after more allocations.

    A batch allocates tens of thousands of objects, of which none is in a cycle: with Python's own thresholds looking
    through all of them took 15 us a payment.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


class StreamStep(ThreadStep):
    """Consumes `transactions` and `labels`: its share of their partitions."""

    name = "stream"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = stream
        self._watchdog = StreamWatchdog()
        # One for all turns of this process: after an error it takes what it held at once.
        self._owner = secrets.token_hex(16)
        self._retry_at: dict[str, float] = {}

    def start(self, parent: Any) -> None:
        super().start(parent)
        assert self._thread is not None
        self._watchdog.watch(self._thread)

    def stop(self, parent: Any) -> None:
        self._watchdog.stop()
        super().stop(parent)

    terminate = stop

    def work(self) -> None:
        from scoring.services.store import batch_store
        from streams.connect import connect_source
        from streams.leases import end_idle_transactions
        from streams.pipeline import LabelsPipeline, TransactionsPipeline

        self._watchdog.beat()
        spare_the_collector()
        end_idle_transactions()
        with closing(connect_source(TRANSACTIONS)) as payments, closing(connect_source(LABELS)) as statements:
            transactions = TransactionsPipeline(payments, owner=self._owner, store=batch_store(), progress=self.keep_on)
            labels = LabelsPipeline(statements, owner=self._owner)
            logger.info("consuming %s and %s as %s", TRANSACTIONS, LABELS, self._owner)
            try:
                self._consume(transactions, labels)
            finally:
                if self.stopping.is_set():
                    transactions.release()
                    labels.release()

    def _consume(self, transactions: "Pipeline", labels: "Pipeline") -> None:
        while not self.stopping.is_set():
            self._watchdog.beat()
            self._step(transactions, wait_seconds=WAIT_SECONDS)
            self._step(labels, wait_seconds=0.001)
            if not transactions.leases.positions:
                self.stopping.wait(WAIT_SECONDS)

    def _step(self, pipeline: "Pipeline", *, wait_seconds: float) -> None:
        """A step of one stream; what only this one lacks does not hold up the other."""
        if time.monotonic() < self._retry_at.get(pipeline.stream, 0.0):
            return
        try:
            pipeline.step(wait_seconds=wait_seconds)
        except (StreamError, FeatureStoreError) as error:
            logger.warning("%s waits: %s", pipeline.stream, error)
            self._retry_at[pipeline.stream] = time.monotonic() + RETRY_SECONDS

    def keep_on(self, done: int, total: int) -> None:
        self._watchdog.beat()
        super().keep_on(done, total)


class OutboxRelayStep(ThreadStep):
    """Delivers the outbox as soon as a transaction that filled it commits."""

    name = "outbox-relay"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from scoring.services.outbox import CHANNEL
        from streams.outbox import relay_outbox

        with BoundedConnection.connect(settings.DATABASE_URL, autocommit=True) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            logger.info("relaying the outbox")
            while not self.stopping.is_set():
                if relay_outbox():
                    self.stopping.wait(RELAY_PAUSE_SECONDS)
                # One wake-up answers any number of notifications.
                if not list(listener.notifies(timeout=RELAY_SECONDS, stop_after=1)):
                    _see_whether_it_answers(listener)


def _see_whether_it_answers(listener: BoundedConnection) -> None:
    """Who only listens does not notice that nobody speaks any more. Raises: psycopg.OperationalError."""
    with answers_within(SILENCE_SECONDS):
        listener.execute("")


class FeaturesStep(ThreadStep):
    """Counts labels and what writers did not confirm in the features, makes a lost store again; beside the outbox."""

    name = "features"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from scoring.services.rebuild import restore_features
        from scoring.services.store import batch_store

        while not self.stopping.is_set():
            try:
                is_more = self._settle(batch_store())
            except FeatureStoreLostError:
                restore_features(store=batch_store(), progress=self.keep_on)
                is_more = False
            if not is_more:
                self.stopping.wait(RELAY_SECONDS)

    def _settle(self, store: "StateStore") -> bool:
        """A turn at what an outage left, after the labels; whether more of it waits."""
        from scoring.services.features import SETTLE_AFTER, settle_degraded, settle_seen
        from scoring.services.labels import LABELS_WRITER

        settle_seen(LABELS_WRITER, store=store)
        _, is_more = settle_degraded("", store=store)
        settle_seen("", store=store, older_than=SETTLE_AFTER)
        return is_more


class RescoringStep(ThreadStep):
    """Scores decisions again that were made without a part, as soon as it is back."""

    name = "rescoring"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from django.utils.timezone import now

        from scoring.services.rescoring import rescore_due

        while not self.stopping.is_set():
            try:
                scored = rescore_due(at=now())
            except Exception as error:
                if is_passing(error):
                    raise
                # A model that fails here fails where payments are decided, too, and the relay beside must go on.
                logger.exception("decisions could not be scored again; will try again")
                scored = 0
            if not scored:
                self.stopping.wait(RELAY_SECONDS)


class VerdictsStep(ThreadStep):
    """Lets verdicts take effect as soon as their time to be undone is over."""

    name = "verdicts"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from django.utils.timezone import now

        from cases.services.verdict_effects import settle_due

        while not self.stopping.is_set():
            settle_due(now=now())
            self.stopping.wait(RELAY_SECONDS)
