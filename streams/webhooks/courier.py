"""Sends what is due by a bounded number of threads, none of which touches the database."""

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Self

from scoring.webhooks.signing import signed_headers
from streams.webhooks.deliveries import Claimed, claim_due, give_up_disabled, record
from streams.webhooks.posting import Answer, backend_for, post

# They wait for the network. Eight endpoints that are slow at once leave none to the others, for 13 s at most.
SENDERS = 32
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
    """What this process has on its way. Ends with its block; then nothing is sent any more."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="webhook")
        self._flying: dict[Future[Answer], Claimed] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def turn(self, *, now: datetime) -> None:
        """Record what has come back, and send what is due. Waits for no network."""
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
            # Recorded first: while the database is away it stays here.
            record(self._flying[future], future.result(), now=now)
            del self._flying[future]
