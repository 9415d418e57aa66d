"""Deciding for callers who wait: what comes while a batch is under way is decided together with the next one.

A payment by itself costs 6 ms, most of it for the way to the database and back and for starting model and rules; with
63 others it costs a quarter of one. So the callers of a process share batches: alone, a caller waits for nobody, and
when many come the batches grow instead of the queue.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from psycopg_pool import PoolTimeout

from scoring.breaker import Breaker
from scoring.services.decisions import Arrival, ContendedError, Result, Writer, decide_transactions
from scoring.services.policy import NoPolicyError
from scoring.services.sessions import end_session, is_lost
from scoring.services.store import sync_store
from scoring.silence import SILENCE_SECONDS, answers_within

# Of payments decided together. Larger ones take longer than a caller should wait for others.
MAX_BATCH = 64
# Beyond this a caller would wait for longer than it is ready to.
MAX_WAITING = 1_000
# Not the fault of one of the payments: deciding them one by one would fail as well.
_NOT_OF_ONE = (OperationalError, InterfaceError, NoPolicyError)

# Of a database that is there: the statement was cancelled, or others had what it wanted.
_ANSWERS = (QueryCanceled, LockNotAvailable, DeadlockDetected)

Decide = Callable[[Sequence[Arrival]], list[Result]]


class OverloadedError(Exception):
    """Too many wait, or an answer took too long. What was sent may have been decided: sending it again tells."""


class InProgressError(Exception):
    """A payment of this id is being decided at this moment."""


@dataclass(frozen=True)
class Undecided:
    """A payment that has no decision, whatever became of those that were sent with it, and why."""

    error: Exception


Outcome = Result | Undecided


@dataclass(frozen=True, eq=False)
class _Job:
    """Payments of one caller, which are decided in one batch, and the caller's answer."""

    arrivals: Sequence[Arrival]
    answer: asyncio.Future[list[Outcome]]

    @property
    def names(self) -> set[str]:
        return {arrival.transaction.transaction_id for arrival in self.arrivals}


class Decider:
    """Batches of one event loop, decided one after the other in a thread of their own."""

    def __init__(self, decide: Decide, *, patience_seconds: float) -> None:
        self._decide_now = decide
        self._patience_seconds = patience_seconds
        self._jobs: deque[_Job] = deque()
        self._has_jobs = asyncio.Event()
        self._under_way: set[str] = set()
        self._batch_since: float | None = None
        self._lane: asyncio.Task[None] | None = None

    def is_under_way(self, transaction_id: str) -> bool:
        """Whether a payment of this id waits here or is being decided."""
        return transaction_id in self._under_way

    async def decide(self, arrivals: Sequence[Arrival]) -> list[Outcome]:
        """Decide payments, at most MAX_BATCH, in their order; one outcome each.

        A payment that the engine fails on is `Undecided`, and the others are decided without it.

        Raises:
            InProgressError: one of them is being decided for another caller.
            OverloadedError: there is no answer in time.
            OperationalError, InterfaceError: the database failed. It may have recorded them; sent again, they tell.
            NoPolicyError: nothing can be decided.
        """
        job = _Job(arrivals, asyncio.get_running_loop().create_future())
        self._admit(job)
        try:
            # An answer that nobody waits for any more is cancelled: a payment that was not begun is then left out.
            return await asyncio.wait_for(job.answer, self._patience_seconds)
        except TimeoutError as error:
            raise OverloadedError("There was no decision in time; sent again, it may have one.") from error

    def _admit(self, job: _Job) -> None:
        if not self._under_way.isdisjoint(job.names):
            raise InProgressError
        if len(self._under_way) + len(job.arrivals) > MAX_WAITING or self._is_stalled():
            raise OverloadedError("More payments wait than can be decided in time.")
        self._jobs.append(job)
        self._under_way |= job.names
        self._has_jobs.set()
        if self._lane is None or self._lane.done():
            self._lane = asyncio.create_task(self._work())

    def _is_stalled(self) -> bool:
        """Whether the batch under way takes longer than any caller waits: the database does not answer."""
        return self._batch_since is not None and time.monotonic() - self._batch_since > self._patience_seconds

    async def _work(self) -> None:
        # The thread that `sync_to_async` uses in this context is ours alone: nothing else of the process, no page and
        # no socket of a browser, is waited for.
        async with ThreadSensitiveContext():
            while True:
                await self._has_jobs.wait()
                if batch := self._take():
                    await self._decide(batch)
                else:
                    self._has_jobs.clear()

    def _take(self) -> list[_Job]:
        batch: list[_Job] = []
        size = 0
        while self._jobs and (not batch or size + len(self._jobs[0].arrivals) <= MAX_BATCH):
            job = self._jobs.popleft()
            if self._is_awaited(job):
                batch.append(job)
                size += len(job.arrivals)
        return batch

    def _is_awaited(self, job: _Job) -> bool:
        """Whether its caller still waits; its payments are left out otherwise."""
        if job.answer.done():
            self._under_way -= job.names
        return not job.answer.done()

    def _succeed(self, job: _Job, outcomes: list[Outcome]) -> None:
        self._under_way -= job.names
        if not job.answer.done():
            job.answer.set_result(outcomes)

    async def _decide(self, jobs: Sequence[_Job]) -> None:
        batch = [job for job in jobs if self._is_awaited(job)]
        if not batch:
            return
        try:
            results = await self._run([one for job in batch for one in job.arrivals])
        except Exception as error:
            await self._fail(batch, error)
        else:
            rest = iter(results)
            for job in batch:
                self._succeed(job, [next(rest) for _ in job.arrivals])

    async def _run(self, arrivals: Sequence[Arrival]) -> list[Result]:
        self._batch_since = time.monotonic()
        try:
            return await sync_to_async(self._decide_in_thread)(arrivals)
        finally:
            self._batch_since = None

    def _decide_in_thread(self, arrivals: Sequence[Arrival]) -> list[Result]:
        try:
            return self._decide_now(arrivals)
        except StopIteration as error:
            # A future takes any exception but this one, and would be waited for without end.
            raise RuntimeError("An iterator of the engine ended too early.") from error

    async def _fail(self, batch: list[_Job], error: Exception) -> None:
        """Let the error be that of the payment that has it; the others are decided.

        One among many is found by halving: whoever sends such a payment must not cost the others a batch each.
        """
        if isinstance(error, _NOT_OF_ONE):
            for job in batch:
                self._under_way -= job.names
                if not job.answer.done():
                    job.answer.set_exception(error)
        elif len(batch) > 1:
            middle = len(batch) // 2
            await self._decide(batch[:middle])
            await self._decide(batch[middle:])
        else:
            (job,) = batch
            self._succeed(job, await self._in_halves(job, job.arrivals, error))

    async def _in_halves(self, job: _Job, arrivals: Sequence[Arrival], error: Exception) -> list[Outcome]:
        """Decide payments of a caller, of which at least one cannot be; the error is that of all together."""
        if len(arrivals) == 1:
            return [Undecided(error)]
        middle = len(arrivals) // 2
        return [*await self._part(job, arrivals[:middle]), *await self._part(job, arrivals[middle:])]

    async def _part(self, job: _Job, arrivals: Sequence[Arrival]) -> list[Outcome]:
        if job.answer.done():
            # Nobody waits any more.
            return []
        try:
            return list(await self._run(arrivals))
        except _NOT_OF_ONE as error:
            return [Undecided(error) for _ in arrivals]
        except Exception as error:
            return await self._in_halves(job, arrivals, error)


_database = Breaker("The database", failures=2, open_seconds=1.0)
forget_outages = _database.reset


def decide_for_callers(arrivals: Sequence[Arrival]) -> list[Result]:
    """Decide a batch, degraded where a part is down; a database that keeps failing is asked once a second only."""
    if not _database.allows():
        raise OperationalError("The database failed just before.")
    try:
        with answers_within(SILENCE_SECONDS):
            _begin_session()
            results = decide_transactions(arrivals, writer=Writer("api", sync_store(), is_patient=False))
    except ContendedError:
        raise
    except (OperationalError, InterfaceError) as error:
        if _is_outage(error):
            _database.failed()
            # A session that was ended is not always seen to be lost yet.
            end_session(is_outage=True)
        raise
    _database.succeeded()
    return results


def _begin_session() -> None:
    if connection.connection is None:
        with connection.cursor() as cursor:
            # Should we never be heard of again, payments must not stay locked: their callers send them once more. A
            # little less than we wait ourselves.
            cursor.execute("SET idle_in_transaction_session_timeout = %s", [f"{SILENCE_SECONDS * 0.8:.0f}s"])


def _is_outage(error: Exception) -> bool:
    """Not when somebody ended the statement or had the row, nor when others of the process use all connections."""
    if isinstance(error.__cause__, PoolTimeout):
        pool = cast(DatabaseWrapper, connection).pool.get_stats()
        return bool(pool["pool_size"] < pool["pool_max"])
    return is_lost() or not isinstance(error.__cause__, _ANSWERS)


_deciders: WeakKeyDictionary[asyncio.AbstractEventLoop, Decider] = WeakKeyDictionary()


def decider() -> Decider:
    """The decider of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _deciders:
        _deciders[loop] = Decider(decide_for_callers, patience_seconds=settings.DECISION_PATIENCE_SECONDS)
    return _deciders[loop]
