"""The task worker's part in long jobs: it takes the next of each kind and has a process of its own run it."""

import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connections

from streams.thread_step import RETRY_SECONDS, ThreadStep, is_passing

if TYPE_CHECKING:
    from scoring.services.job_queue import JobQueue

logger = logging.getLogger(__name__)

# How soon a process that ended is noticed, and a worker that stops ends it.
LOOK_SECONDS = 0.2
IDLE_SECONDS = 1.0


@dataclass
class Job:
    """A claimed row of a queue, and the process that does it."""

    queue: "JobQueue[Any]"
    claimed: Any
    process: "subprocess.Popen[bytes]"


class JobsStep(ThreadStep):
    """Runs one job of each kind at a time, beside the relay; what a stopping worker leaves is begun again elsewhere."""

    name = "jobs"

    def __init__(self, parent: Any, stream: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = not stream

    def work(self) -> None:
        running: dict[str, Job] = {}
        try:
            while not self.stopping.is_set():
                for command, queue in queues().items():
                    self._look(command, queue, running)
                self.stopping.wait(LOOK_SECONDS if running else IDLE_SECONDS)
        finally:
            # All of them before anything is said: the database may be away.
            for job in running.values():
                end_process(job.process)
            for job in running.values():
                _end(job, is_stopped=True)

    def _look(self, command: str, queue: "JobQueue[Any]", running: dict[str, Job]) -> None:
        """See to the job of a kind: take the next where none runs, and say so where one's process ended."""
        from django.utils.timezone import now

        try:
            job = running.get(command)
            if job is None:
                claimed = queue.claim(at=now())
                if claimed is not None:
                    running[command] = Job(queue, claimed, start_process(command, claimed))
                    logger.info("%s %s runs as process %s", command, claimed.id, running[command].process.pid)
            elif job.process.poll() is not None:
                # Not before it is said: what cannot be said now is tried again.
                _end(job, is_stopped=False)
                del running[command]
        except Exception as error:
            if is_passing(error):
                raise
            # Payments' effects beside must go on.
            logger.exception("%s could not be started; will try again", command)
            connections.close_all()
            self.stopping.wait(RETRY_SECONDS)


def queues() -> "dict[str, JobQueue[Any]]":
    """Command of `manage.py` -> the queue it serves."""
    from scoring.services.backtests import BACKTESTS
    from scoring.services.trainings import TRAININGS

    return {"run_backtest": BACKTESTS, "run_training": TRAININGS}


def start_process(command: str, claimed: Any) -> "subprocess.Popen[bytes]":
    """It ends with us: nothing is ever written to its input, which the kernel closes when we are gone."""
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), command, str(claimed.id), str(claimed.attempts)],
        stdin=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
    )


def end_process(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code; ended if it still runs."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.stdin is not None
    process.stdin.close()
    return process.wait()


def _end(job: Job, *, is_stopped: bool) -> None:
    from django.utils.timezone import now

    code = end_process(job.process)
    if code and not is_stopped:
        logger.warning("%s %s: its process ended with %s", job.queue.name, job.claimed.id, code)
    # Nothing is left to be said where it did what it was to do.
    words = "The task worker was stopped" if is_stopped else _words(code)
    job.queue.abandon(job.claimed.id, job.claimed.attempts, words=words, at=now())


def _words(code: int) -> str:
    if code == -signal.SIGKILL:
        return "The process that ran it was killed, perhaps for want of memory"
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"The process that ran it {how}; the task worker's log says more"
