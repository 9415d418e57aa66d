"""The task worker's part in backtests: it takes the next one and has a process of its own run it."""

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

from streams.thread_step import RETRY_SECONDS, ThreadStep, is_passing

if TYPE_CHECKING:
    from scoring.models import Backtest

logger = logging.getLogger(__name__)

# How soon a process that ended is noticed, and a worker that stops ends it.
LOOK_SECONDS = 0.2
IDLE_SECONDS = 1.0


class BacktestsStep(ThreadStep):
    """Runs backtests one after the other, beside the relay; what a stopping worker leaves is begun again elsewhere."""

    name = "backtests"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        from django.utils.timezone import now

        from scoring.services.backtests import claim_backtest

        while not self.stopping.is_set():
            try:
                claimed = claim_backtest(at=now())
                if claimed is None:
                    self.stopping.wait(IDLE_SECONDS)
                else:
                    self._run(claimed)
            except Exception as error:
                if is_passing(error):
                    raise
                # Payments' effects beside must go on.
                logger.exception("a backtest could not be started; will try again")
                connections.close_all()
                self.stopping.wait(RETRY_SECONDS)

    def _run(self, claimed: "Backtest") -> None:
        from django.utils.timezone import now

        from scoring.services.backtests import abandon_backtest

        process = start_process(claimed)
        logger.info("backtest %s runs as process %s", claimed.id, process.pid)
        try:
            while process.poll() is None and not self.stopping.is_set():
                self.stopping.wait(LOOK_SECONDS)
        finally:
            code = end_process(process)
        is_stopped = self.stopping.is_set()
        if code and not is_stopped:
            logger.warning("backtest %s: its process ended with %s", claimed.id, code)
        # Nothing is left to be said where it did what it was to do.
        words = "The task worker was stopped" if is_stopped else _words(code)
        abandon_backtest(claimed.id, claimed.attempts, words=words, at=now())


def start_process(claimed: "Backtest") -> "subprocess.Popen[bytes]":
    """It ends with us: nothing is ever written to its input, which the kernel closes when we are gone."""
    arguments = ["run_backtest", str(claimed.id), str(claimed.attempts)]
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        stdin=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def end_process(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code; ended if it still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.stdin is not None
    process.stdin.close()
    return process.wait()


def _words(code: int) -> str:
    if code == -signal.SIGKILL:
        return "The process that ran it was killed, perhaps for want of memory"
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"The process that ran it {how}; the task worker's log says more"
