"""Sends what is due by a bounded number of threads, none of which touches the database."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime

from django.db import InterfaceError, InternalError, OperationalError

from scoring.webhooks.signing import signed_headers
from streams.webhooks.deliveries import Claimed, claim_due, give_up_disabled, record
from streams.webhooks.posting import Answer, backend_for, post

logger = logging.getLogger(__name__)

# They wait for the network. Eight endpoints that are slow at once leave none to the others, for 13 s at most.
SENDERS = 32
# The database is away, or has ended what it was told: nothing is wrong with the message in hand.
_AWAY = (OperationalError, InterfaceError, InternalError)
UNSIGNABLE = "No secret can be read, for SECRET_KEY has changed: set the former in SECRET_KEY_FALLBACKS, or rotate"


def send(claimed: Claimed) -> Answer:
    """Sign a message and send it, once."""
    if not claimed.secret_texts:
        return Answer(0, error=UNSIGNABLE)
    headers = signed_headers(
        message_id=claimed.message_id,
        timestamp=int(claimed.claimed_at.timestamp()),
        body=claimed.body,
        secret_texts=claimed.secret_texts,
    )
    return post(claimed.url, claimed.body, headers, backend=backend_for(claimed.url))


class Courier:
    """What this process has on its way. One for the life of the process: what came back waits here to be recorded."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._flying: dict[Future[Answer], Claimed] = {}

    def close(self) -> None:
        """Send nothing any more; waits for what is on its way, which is not recorded."""
        self._pool.shutdown()

    def turn(self, *, now: datetime) -> None:
        """Record what has come back, and send what is due. Waits for no network.

        Raises:
            DatabaseError: the database is away; the next turn goes on with all that is not recorded.
        """
        self._land(now)
        give_up_disabled(now=now)
        for claimed in claim_due(now=now, room=SENDERS - len(self._flying)):
            self._flying[self._pool.submit(send, claimed)] = claimed

    def rest(self, seconds: float, stopping: threading.Event) -> None:
        """Wait until something comes back, or as long as given."""
        if self._flying:
            wait(self._flying, timeout=seconds, return_when=FIRST_COMPLETED)
        else:
            stopping.wait(seconds)

    def finish(self, *, now: Callable[[], datetime]) -> None:
        """Wait for what is on its way and record it."""
        while self._flying:
            wait(self._flying, return_when=FIRST_COMPLETED)
            self._land(now())

    def _land(self, now: datetime) -> None:
        for future in [future for future in self._flying if future.done()]:
            claimed = self._flying[future]
            try:
                record(claimed, _answer_of(future, claimed), now=now)
            except _AWAY:
                # It stays here, and is recorded by a later turn.
                raise
            except Exception:
                # It alone comes again when its lease is over.
                logger.exception("what became of webhook message %s could not be recorded", claimed.message_id)
            del self._flying[future]


def _answer_of(future: Future[Answer], claimed: Claimed) -> Answer:
    """What came back; what could not even be sent counts as an attempt, so that it is given up some day."""
    error = future.exception()
    if error is None:
        return future.result()
    logger.error("webhook message %s could not be sent", claimed.message_id, exc_info=error)
    return Answer(0, error=f"Could not be sent ({type(error).__name__})")
