"""Ends a worker that lives and does nothing: its supervisor starts it again, and others take its partitions."""

import logging
import os
import sys
import threading
import time
import traceback

from celery.platforms import EX_FAILURE
from celery.worker import state
from django.conf import settings

logger = logging.getLogger(__name__)

# For the warm stop, which needs the main thread only.
GRACE_SECONDS = 10.0


class StreamWatchdog:
    """Watches that a thread makes its turns."""

    def __init__(self) -> None:
        self._turned_at = time.monotonic()
        self._stopping = threading.Event()

    def beat(self) -> None:
        """The thread made a turn, or long work in it went on."""
        self._turned_at = time.monotonic()

    def watch(self, watched: threading.Thread) -> None:
        """Look after a thread from one of our own, until it ends or `stop` is called."""
        self.beat()
        threading.Thread(target=self._look, args=[watched], name=f"{watched.name}-watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def _look(self, watched: threading.Thread) -> None:
        while watched.is_alive():
            left = settings.STREAM_STALL_SECONDS - (time.monotonic() - self._turned_at)
            if left <= 0:
                self._end(watched)
                return
            if self._stopping.wait(min(left, 1.0)):
                return

    def _end(self, watched: threading.Thread) -> None:
        frame = sys._current_frames().get(watched.ident or 0)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "it has ended"
        logger.critical(
            "%s made no turn for %.0f s: the worker ends. It stands at\n%s",
            watched.name, settings.STREAM_STALL_SECONDS, stack,
        )  # fmt: skip
        state.should_stop = EX_FAILURE
        # Whether or not the warm stop is under way: a thread that hangs may keep the process from ending.
        time.sleep(GRACE_SECONDS)
        os._exit(EX_FAILURE)
