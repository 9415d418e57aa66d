"""Steps of the Celery workers: `worker --stream` consumes the streams, a plain worker relays the outbox.

Both are threads of the worker: Celery gives start, warm shutdown and supervision. A thread that dies takes its worker
down, so that whoever supervises the process sees it.
"""

import logging
import threading
from contextlib import closing
from typing import Any

import psycopg
from celery import bootsteps
from celery.platforms import EX_FAILURE
from celery.worker import state
from django.conf import settings
from django.db import OperationalError, connections

from scoring.features.live import FeatureStoreError
from streams.source import LABELS, TRANSACTIONS, StreamError

logger = logging.getLogger(__name__)

# How long a step waits for records before it looks whether it should stop.
WAIT_SECONDS = 0.5
# A part that is away is tried again after this; Celery's worker stays up meanwhile.
RETRY_SECONDS = 1.0
# The relay looks by itself this often, for a notification that was lost with its connection.
RELAY_SECONDS = 1.0
STOP_SECONDS = 30.0

PASSING = (OperationalError, psycopg.OperationalError, StreamError, FeatureStoreError)


class _ThreadStep(bootsteps.StartStopStep):
    """Runs `work` in a thread until told to stop."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, parent: Any) -> None:
        self._thread = threading.Thread(target=self._guard, name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self, parent: Any) -> None:
        """Warm: the batch in hand is finished."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    terminate = stop

    def _guard(self) -> None:
        try:
            while not self.stopping.is_set():
                self._try()
        except Exception:
            logger.critical("%s stops: the worker ends", type(self).__name__, exc_info=True)
            # Not `should_terminate`, with which the process would exit with 0 as if all were well.
            state.should_stop = EX_FAILURE
        finally:
            connections.close_all()

    def _try(self) -> None:
        try:
            self.work()
        except PASSING as error:
            logger.warning("%s waits: %s", type(self).__name__, error)
            connections.close_all()
            self.stopping.wait(RETRY_SECONDS)

    def work(self) -> None:
        """Work until `stopping` is set, or raise."""
        raise NotImplementedError


class StreamStep(_ThreadStep):
    """Consumes `transactions` and `labels`."""

    name = "stream"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = stream

    def work(self) -> None:
        from scoring.services.store import batch_store
        from streams.connect import connect_source
        from streams.pipeline import labels_pipeline, transactions_pipeline

        with closing(connect_source(TRANSACTIONS)) as payments, closing(connect_source(LABELS)) as statements:
            transactions = transactions_pipeline(payments, store=batch_store())
            labels = labels_pipeline(statements)
            logger.info("consuming %s partitions of %s", len(transactions.progress.positions), TRANSACTIONS)
            while not self.stopping.is_set():
                transactions.step(wait_seconds=WAIT_SECONDS)
                labels.step(wait_seconds=0.001)


class OutboxRelayStep(_ThreadStep):
    """Delivers the outbox as soon as a transaction that filled it commits."""

    name = "outbox-relay"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from scoring.services.outbox import CHANNEL
        from streams.outbox import relay_outbox

        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            logger.info("relaying the outbox")
            while not self.stopping.is_set():
                relay_outbox()
                # One wake-up answers any number of notifications.
                for _ in listener.notifies(timeout=RELAY_SECONDS, stop_after=1):
                    pass
