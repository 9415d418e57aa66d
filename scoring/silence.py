"""Giving up a database that keeps its connections and says nothing: it froze, lost its disk, or is behind a gateway.

The kernel's time-outs see only a peer that does not acknowledge. Such a one does, for ever.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

_T = TypeVar("_T")

# For one answer, where somebody waits; the kernel has as long for a packet.
SILENCE_SECONDS = 5.0


_of_thread = threading.local()
_of_process: float | None = None


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the database takes longer for an answer than its thread waits."""

    def wait(self, gen: PQGen[_T], interval: float = 0.1, timeout: float | None = None) -> _T:
        """Raises: psycopg.OperationalError, when there is no answer in time; whether it was done is not known."""
        try:
            return super().wait(gen, interval, _seconds() if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if timeout is not None or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # In the middle of an answer it is of no use to anybody any more.
            self.close()
            raise psycopg.OperationalError("The database gave no answer in time.") from error


def _seconds() -> float | None:
    return getattr(_of_thread, "seconds", _of_process)


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """In this thread, wait for so long at most for each answer of the database."""
    before = getattr(_of_thread, "seconds", None)
    _of_thread.seconds = seconds
    try:
        yield
    finally:
        if before is None:
            del _of_thread.seconds
        else:
            _of_thread.seconds = before


def bound_all_threads(seconds: float) -> None:
    """Have all threads of this process that say nothing else wait for so long at most for each answer."""
    global _of_process
    _of_process = seconds
