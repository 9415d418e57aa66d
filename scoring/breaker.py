"""Not asking a part again that has just failed: each question would cost its whole time-out."""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Breaker:
    """Opens after `failures` in a row; then one caller every `open_seconds` tries while the others go on without.

    Safe to share among threads. `clock`: seconds, never going back.
    """

    def __init__(
        self, name: str, *, failures: int = 1, open_seconds: float = 2.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._allowed, self._open_seconds, self._clock = name, failures, open_seconds, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    def allows(self) -> bool:
        """Whether to ask the part now. Who is let through says `succeeded` or `failed` afterwards."""
        with self._lock:
            if self._failures < self._allowed:
                return True
            if self._clock() < self._next_try:
                return False
            # The one who tries may never come back to tell; the next one tries then.
            self._next_try = self._clock() + self._open_seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            was_open = self._failures >= self._allowed
            self._failures = 0
        if was_open:
            logger.info("%s answers again", self._name)

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_try = self._clock() + self._open_seconds
            opens = self._failures == self._allowed
        if opens:
            logger.warning("%s does not answer; going on without it", self._name)

    def reset(self) -> None:
        """Start as a new process does."""
        with self._lock:
            self._failures = 0
