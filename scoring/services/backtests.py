"""Backtests: asking for one, taking the next, running it, calling it off. The row is the queue.

waiting -> running -> done, failed or cancelled. A run whose process died is waiting again, MAX_ATTEMPTS times.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from scoring.backtesting.figures import Costs, Count
from scoring.backtesting.trial import Trial
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import Backtest, ModelVersion, Policy
from scoring.rules.language import RuleError
from scoring.services.backtest_history import CHUNK_ROWS, History, Period
from scoring.services.locks import take_lock
from scoring.services.models import load_model
from scoring.services.policy import compile_policy, live_policy

logger = logging.getLogger(__name__)

Status = Backtest.Status

# Each takes a core while it runs, beside the payments.
AT_ONCE = 1
MAX_ATTEMPTS = 3
# A chunk takes half a second; who is silent for so long is dead, or frozen and finds its run given to somebody else.
SILENT_AFTER = timedelta(seconds=60)
_LOCK = "backtests"
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class BacktestRefusedError(Exception):
    """It cannot be asked for; `field` is what is wrong, the text says how. Nothing was stored."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CallOffError(Exception):
    """There is nothing to cancel any more."""


class _StopError(Exception):
    """The run was cancelled, or given to another process."""


@dataclass(frozen=True)
class BacktestRequest:
    """What is to be tried over which payments; see the fields of `Backtest`."""

    policy: Policy
    since: datetime
    until: datetime
    labels_as_of: datetime
    maturity_days: int
    capacity: int
    model_version: str = ""


def request_backtest(wanted: BacktestRequest, *, by: User | None, at: datetime) -> Backtest:
    """Put a backtest at the end of the queue, against the version in force.

    Payments that are still to come are left out: `until` is `at` at the latest.

    Raises:
        BacktestRefusedError: the version cannot be compiled, there is no such model, or the times are in no order.
        NoPolicyError: nothing is in force to compare with.
    """
    until, labels_as_of = min(wanted.until, at), min(wanted.labels_as_of, at)
    for field, moment in (("since", wanted.since), ("labels_as_of", labels_as_of)):
        if moment < EARLIEST:
            raise BacktestRefusedError(field, f"must be {EARLIEST:%Y-%m-%d} or later: no payment is older")
    if wanted.since >= until:
        raise BacktestRefusedError("since", "must be before the end, and before now")
    if wanted.policy.status == Policy.Status.DISCARDED:
        raise BacktestRefusedError("policy", f"Version {wanted.policy.version} was discarded.")
    try:
        compile_policy(wanted.policy)
    except RuleError as error:
        raise BacktestRefusedError("policy", f"Version {wanted.policy.version} cannot be run: {error}") from error
    if wanted.model_version:
        _model(wanted.model_version)
    return Backtest.objects.create(
        policy=wanted.policy,
        revision=wanted.policy.revision,
        baseline=live_policy(),
        model_version=wanted.model_version,
        since=wanted.since,
        until=until,
        labels_as_of=labels_as_of,
        maturity_days=wanted.maturity_days,
        capacity=wanted.capacity,
        requested_by=by,
    )


@transaction.atomic
def begin_backtest(wanted: BacktestRequest, *, at: datetime) -> Backtest:
    """Ask for a backtest that the caller runs, without a place in the queue; what waits there begins after it.

    Raises:
        BacktestRefusedError, NoPolicyError: as `request_backtest`.
    """
    asked = request_backtest(wanted, by=None, at=at)
    _begin(asked.id, at=at)
    asked.refresh_from_db()
    return asked


def cancel_backtest(backtest_id: int, *, by: User | None, at: datetime) -> None:
    """Call off a backtest: at once if it waits, within a chunk if it runs. Twice is once.

    Raises:
        CallOffError: it is over already; it stays as it is.
    """
    backtest = Backtest.objects.filter(id=backtest_id)
    waiting = backtest.filter(status=Status.WAITING)
    if waiting.update(status=Status.CANCELLED, is_cancel_requested=True, cancelled_by=by, finished_at=at):
        return
    running = backtest.filter(status=Status.RUNNING)
    if running.filter(is_cancel_requested=False).update(is_cancel_requested=True, cancelled_by=by):
        return
    # It may have gone back to waiting between the two looks.
    if waiting.update(status=Status.CANCELLED, is_cancel_requested=True, cancelled_by=by, finished_at=at):
        return
    if not running.exists():
        raise CallOffError("It is over already.")


@transaction.atomic
def claim_backtest(*, at: datetime) -> Backtest | None:
    """The one that waits longest, to be run by the caller; None while AT_ONCE run or none waits.

    What fell silent is waiting again first, or failed if it did so too often.
    """
    take_lock(_LOCK)
    _give_up_silent(at)
    if Backtest.objects.filter(status=Status.RUNNING).count() >= AT_ONCE:
        return None
    first = Backtest.objects.filter(status=Status.WAITING).order_by("id").values_list("id", flat=True).first()
    # It may be cancelled between the two; the next look finds the one after it.
    if first is None or not _begin(first, at=at):
        return None
    return Backtest.objects.get(id=first)


def _begin(backtest_id: int, *, at: datetime) -> int:
    """The number of the attempt; 0 where it does not wait any more."""
    begun = Backtest.objects.filter(id=backtest_id, status=Status.WAITING).update(
        status=Status.RUNNING,
        beat_at=at,
        started_at=Coalesce("started_at", Value(at)),
        attempts=F("attempts") + 1,
        rows_done=0,
    )
    return Backtest.objects.values_list("attempts", flat=True).get(id=backtest_id) if begun else 0


def _give_up_silent(at: datetime) -> None:
    silent = Backtest.objects.filter(status=Status.RUNNING, beat_at__lt=at - SILENT_AFTER)
    _end_or_wait(silent, f"The process that ran it fell silent for {SILENT_AFTER.seconds} seconds", at)


def abandon_backtest(backtest_id: int, attempt: int, *, words: str, at: datetime) -> None:
    """Say that the process of an attempt ended before the run did. One that is over, or another's by now, stays."""
    _end_or_wait(_mine(backtest_id, attempt), words, at)


def _end_or_wait(lost: "QuerySet[Backtest]", words: str, at: datetime) -> None:
    """Have lost runs begun again; what was cancelled is, and what was lost MAX_ATTEMPTS times has failed."""
    lost.filter(is_cancel_requested=True).update(status=Status.CANCELLED, finished_at=at)
    lost.filter(attempts__gte=MAX_ATTEMPTS).update(
        status=Status.FAILED, finished_at=at, error=f"{words}, {MAX_ATTEMPTS} times. Try a shorter time."
    )
    lost.update(status=Status.WAITING, rows_done=0)


def run_backtest(
    backtest_id: int, attempt: int, *, clock: Callable[[], datetime], chunk_rows: int = CHUNK_ROWS
) -> None:
    """Run what was claimed and store its result. Does nothing for an attempt that is not the present one.

    What goes wrong is written on the row, in words; what may pass (the database is away) is raised.
    """
    backtest = _mine(backtest_id, attempt).select_related("policy", "baseline").first()
    if backtest is None:
        return
    try:
        result = _result(backtest, partial(_progress, backtest, clock), chunk_rows)
    except _StopError:
        stopped = _mine(backtest_id, attempt).filter(is_cancel_requested=True)
        stopped.update(status=Status.CANCELLED, finished_at=clock())
    except (RuleError, ModelRefusedError, BacktestRefusedError) as error:
        _mine(backtest_id, attempt).update(status=Status.FAILED, error=str(error)[:500], finished_at=clock())
    else:
        done = _mine(backtest_id, attempt).filter(is_cancel_requested=False)
        if not done.update(status=Status.DONE, result=result, rows_done=F("rows"), finished_at=clock()):
            _mine(backtest_id, attempt).update(status=Status.CANCELLED, finished_at=clock())


def _mine(backtest_id: int, attempt: int) -> "QuerySet[Backtest]":
    return Backtest.objects.filter(id=backtest_id, attempts=attempt, status=Status.RUNNING)


def _progress(backtest: Backtest, clock: Callable[[], datetime], rows_done: int) -> None:
    """Say how far it is. Raises: _StopError: it was cancelled, or is no longer ours."""
    mine = _mine(backtest.id, backtest.attempts).filter(is_cancel_requested=False)
    if not mine.update(rows_done=rows_done, beat_at=clock()):
        raise _StopError


def _result(backtest: Backtest, progress: Callable[[int], None], chunk_rows: int) -> dict[str, object]:
    if backtest.policy.revision != backtest.revision:
        raise BacktestRefusedError("policy", "The draft was edited before the backtest began. Ask for another.")
    trial = Trial(
        draft=compile_policy(backtest.policy),
        baseline=compile_policy(backtest.baseline),
        model=_model(backtest.model_version) if backtest.model_version else None,
    )
    period = period_of(backtest)
    history = History(period, chunk_rows=chunk_rows)
    _mine(backtest.id, backtest.attempts).update(rows=history.count())
    count, done = Count(trial), 0
    progress(done)
    for read in history.chunks():
        count.add(trial.look(read.chunk))
        done += read.rows
        progress(done)
    costs = Costs(settings.DASHBOARD_CURRENCY, settings.FALSE_POSITIVE_COST)
    return count.result(
        left_out=history.left_out, capacity=backtest.capacity, costs=costs, whole_days=period.whole_days
    )


def period_of(backtest: Backtest) -> Period:
    """What is read for it."""
    maturity = timedelta(days=backtest.maturity_days)
    return Period(backtest.since, backtest.until, backtest.labels_as_of, maturity)


def _model(version: str) -> Model:
    """Raises: BacktestRefusedError."""
    row = ModelVersion.objects.filter(version=version).first()
    if row is None:
        raise BacktestRefusedError("model_version", f"There is no model {version}.")
    try:
        return load_model(row)
    except ModelRefusedError as error:
        raise BacktestRefusedError("model_version", str(error)) from error
