"""Not asking a part again that has just failed: each question would cost its whole time-out."""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Breaker:
    """Open for `open_seconds` after a failure; then one caller tries while the others go on without.

    Safe to share among threads. `clock`: seconds, never going back.
    """

    def __init__(self, name: str, *, open_seconds: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._open_seconds, self._clock = name, open_seconds, clock
        self._lock = threading.Lock()
        self._closed_again: float | None = None

    def allows(self) -> bool:
        """Whether to ask the part now. Who is let through says `succeeded` or `failed` afterwards."""
        with self._lock:
            if self._closed_again is None:
                return True
            if self._clock() < self._closed_again:
                return False
            # The one who tries may never come back to tell; the next one tries then.
            self._closed_again = self._clock() + self._open_seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            was_open, self._closed_again = self._closed_again is not None, None
        if was_open:
            logger.info("%s answers again", self._name)

    def failed(self) -> None:
        with self._lock:
            was_open = self._closed_again is not None
            self._closed_again = self._clock() + self._open_seconds
        if not was_open:
            logger.warning("%s does not answer; going on without it", self._name)
