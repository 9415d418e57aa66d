"""A thread of a Celery worker: work that goes on until the worker stops, and is tried again while a part is away."""

import logging
import threading
from typing import Any

import psycopg
from celery import bootsteps
from celery.platforms import EX_FAILURE
from celery.worker import state
from django.db import OperationalError, connections
from psycopg.errors import IdleInTransactionSessionTimeout

from scoring.features.live import FeatureStoreError
from scoring.services.sessions import end_session
from streams.source import StreamError

logger = logging.getLogger(__name__)

# A part that is away is tried again after this; Celery's worker stays up meanwhile.
RETRY_SECONDS = 1.0
STOP_SECONDS = 30.0
PASSING = (OperationalError, psycopg.OperationalError, StreamError, FeatureStoreError)


def is_passing(error: BaseException) -> bool:
    """Whether the same is worth trying again: a part is away, or we stood still and were taken for dead."""
    return isinstance(error, PASSING) or isinstance(error.__cause__, IdleInTransactionSessionTimeout)


class StopRequestedError(Exception):
    """The worker stops in the middle of something long that can go on later."""


class ThreadStep(bootsteps.StartStopStep):
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
        except StopRequestedError:
            logger.info("%s stops; the feature store is made again by the next worker", type(self).__name__)
        except Exception as error:
            if not is_passing(error):
                raise
            logger.warning("%s waits: %s", type(self).__name__, error)
            end_session()
            connections.close_all()
            self.stopping.wait(RETRY_SECONDS)

    def keep_on(self, done: int, total: int) -> None:
        """Hear how far the feature store is made again, here or by another. Raises: StopRequestedError."""
        if total:
            logger.info("feature store: %s of %s payments", done, total)
        if self.stopping.is_set():
            raise StopRequestedError

    def work(self) -> None:
        """Work until `stopping` is set, or raise."""
        raise NotImplementedError
