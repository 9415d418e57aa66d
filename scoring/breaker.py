"""Keeps callers away from a part that fails, and lets one try now and then whether it is back."""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Breaker:
    """Opens after `failures` in a row; then one caller every `open_seconds` may try, and closes it by succeeding.

    Whoever is let through says afterwards how it went, by `succeeded` or `failed`. Safe to share between threads.
    """

    def __init__(
        self, name: str, *, failures: int = 3, open_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._allowed = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next_try = 0.0

    def allows(self) -> bool:
        """Whether to ask the part. An open breaker says yes to one caller at a time."""
        with self._lock:
            if self._failures < self._allowed:
                return True
            now = self._clock()
            if now < self._next_try:
                return False
            self._next_try = now + self._open_seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            was_open = self._failures >= self._allowed
            self._failures = 0
        if was_open:
            logger.warning("%s answers again", self._name)

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            opens = self._failures == self._allowed
            if self._failures >= self._allowed:
                self._next_try = self._clock() + self._open_seconds
        if opens:
            logger.error(
                "%s failed %s times in a row: it is asked every %s s", self._name, self._allowed, self._open_seconds
            )

    def reset(self) -> None:
        """Start as a new process does."""
        with self._lock:
            self._failures = 0
