"""Long jobs whose row is the queue: taking the next, saying how far it is, calling it off, what is left by the dead.

waiting -> running -> done, failed or cancelled. A job whose process died is waiting again, MAX_ATTEMPTS times.
The table has `status`, `is_cancel_requested`, `cancelled_by`, `beat_at`, `attempts`, `error`, `started_at` and
`finished_at`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from scoring.services.locks import take_lock

MAX_ATTEMPTS = 3
WAITING, RUNNING, DONE, CANCELLED, FAILED = "waiting", "running", "done", "cancelled", "failed"

Job = TypeVar("Job", bound=models.Model)


class CallOffError(Exception):
    """There is nothing to cancel any more."""


class StopError(Exception):
    """The job was cancelled, or given to another process."""


@dataclass(frozen=True)
class JobQueue(Generic[Job]):
    """The jobs of a table.

    name: of its lock. at_once: how many may run. silent_after: who says nothing for so long is dead, or frozen and
    finds its job given to somebody else. nothing_done: columns of progress, as they stand before the work. advice: what
    to do about a job that was lost too often.
    """

    table: type[Job]
    name: str
    at_once: int
    silent_after: timedelta
    nothing_done: Mapping[str, Any]
    advice: str

    @transaction.atomic
    def claim(self, *, at: datetime) -> Job | None:
        """The one that waits longest, to be run by the caller; None while `at_once` run or none waits.

        What fell silent is waiting again first, or failed if it did so too often.
        """
        take_lock(self.name)
        self._give_up_silent(at)
        if self._rows.filter(status=RUNNING).count() >= self.at_once:
            return None
        first = self._rows.filter(status=WAITING).order_by("id").values_list("id", flat=True).first()
        # It may be cancelled between the two; the next look finds the one after it.
        if first is None or not self.begin(first, at=at):
            return None
        return self._rows.get(id=first)

    def begin(self, job_id: int, *, at: datetime) -> int:
        """The number of the attempt; 0 where it does not wait any more."""
        begun = self._rows.filter(id=job_id, status=WAITING).update(
            status=RUNNING,
            beat_at=at,
            started_at=Coalesce("started_at", Value(at)),
            attempts=F("attempts") + 1,
            **self.nothing_done,
        )
        return self._rows.values_list("attempts", flat=True).get(id=job_id) if begun else 0

    def cancel(self, job_id: int, *, by: User | None, at: datetime) -> None:
        """Call off a job: at once if it waits, at its next sign of life if it runs. Twice is once.

        Raises:
            CallOffError: it is over already; it stays as it is.
        """
        job = self._rows.filter(id=job_id)
        waiting = job.filter(status=WAITING)
        if waiting.update(status=CANCELLED, is_cancel_requested=True, cancelled_by=by, finished_at=at):
            return
        running = job.filter(status=RUNNING)
        if running.filter(is_cancel_requested=False).update(is_cancel_requested=True, cancelled_by=by):
            return
        # It may have gone back to waiting between the two looks.
        if waiting.update(status=CANCELLED, is_cancel_requested=True, cancelled_by=by, finished_at=at):
            return
        if not running.exists():
            raise CallOffError("It is over already.")

    def abandon(self, job_id: int, attempt: int, *, words: str, at: datetime) -> None:
        """Say that the process of an attempt ended before the job did. One that is over, or another's by now, stays."""
        self._end_or_wait(self.mine(job_id, attempt), words, at)

    def mine(self, job_id: int, attempt: int) -> "QuerySet[Job]":
        """The job while it runs under this attempt."""
        return self._rows.filter(id=job_id, attempts=attempt, status=RUNNING)

    def say(self, job_id: int, attempt: int, *, at: datetime, **progress: Any) -> None:
        """Say how far it is.

        Raises:
            StopError: it was cancelled, or is no longer ours.
        """
        if not self.mine(job_id, attempt).filter(is_cancel_requested=False).update(beat_at=at, **progress):
            raise StopError

    def stop(self, job_id: int, attempt: int, *, at: datetime) -> None:
        """End a job that was cancelled; one that is another's by now stays."""
        cancelled = self.mine(job_id, attempt).filter(is_cancel_requested=True)
        cancelled.update(status=CANCELLED, finished_at=at)

    def fail(self, job_id: int, attempt: int, *, words: str, at: datetime) -> None:
        """End a job that cannot be done."""
        self.mine(job_id, attempt).update(status=FAILED, error=words[:500], finished_at=at)

    def finish(self, job_id: int, attempt: int, *, at: datetime, **result: Any) -> bool:
        """Whether the job is done with this result; if not it was cancelled, or is another's."""
        uncancelled = self.mine(job_id, attempt).filter(is_cancel_requested=False)
        return bool(uncancelled.update(status=DONE, finished_at=at, **result))

    @property
    def _rows(self) -> "QuerySet[Job]":
        return self.table._default_manager.all()

    def _give_up_silent(self, at: datetime) -> None:
        silent = self._rows.filter(status=RUNNING, beat_at__lt=at - self.silent_after)
        self._end_or_wait(silent, f"The process that ran it fell silent for {self.silent_after.seconds} seconds", at)

    def _end_or_wait(self, lost: "QuerySet[Job]", words: str, at: datetime) -> None:
        """Have lost jobs begun again; what was cancelled is, and what was lost MAX_ATTEMPTS times has failed."""
        lost.filter(is_cancel_requested=True).update(status=CANCELLED, finished_at=at)
        lost.filter(attempts__gte=MAX_ATTEMPTS).update(
            status=FAILED, finished_at=at, error=f"{words}, {MAX_ATTEMPTS} times. {self.advice}"
        )
        lost.update(status=WAITING, **self.nothing_done)
