"""Backtests: asking for one, taking the next, running it, calling it off. The row is the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from scoring.backtesting.figures import Costs, Count
from scoring.backtesting.trial import Trial
from scoring.ml.model import Model, ModelRefusedError
from scoring.models import Backtest, ModelVersion, Policy
from scoring.rules.language import RuleError
from scoring.services.backtest_history import CHUNK_ROWS, History, Period
from scoring.services.job_queue import MAX_ATTEMPTS, CallOffError, JobQueue, StopError
from scoring.services.models import load_model
from scoring.services.policy import compile_policy, live_policy

Status = Backtest.Status

# Each takes a core while it runs, beside the payments.
AT_ONCE = 1
# A chunk takes half a second.
SILENT_AFTER = timedelta(seconds=60)
BACKTESTS = JobQueue(Backtest, "backtests", AT_ONCE, SILENT_AFTER, {"rows_done": 0}, "Try a shorter time.")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class BacktestRefusedError(Exception):
    """It cannot be asked for; `field` is what is wrong, the text says how. Nothing was stored."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


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
    BACKTESTS.begin(asked.id, at=at)
    asked.refresh_from_db()
    return asked


def cancel_backtest(backtest_id: int, *, by: User | None, at: datetime) -> None:
    """Call off a backtest: at once if it waits, within a chunk if it runs. Twice is once.

    Raises:
        CallOffError: it is over already; it stays as it is.
    """
    BACKTESTS.cancel(backtest_id, by=by, at=at)


def claim_backtest(*, at: datetime) -> Backtest | None:
    """The one that waits longest, to be run by the caller; None while AT_ONCE run or none waits."""
    return BACKTESTS.claim(at=at)


def abandon_backtest(backtest_id: int, attempt: int, *, words: str, at: datetime) -> None:
    """Say that the process of an attempt ended before the run did. One that is over, or another's by now, stays."""
    BACKTESTS.abandon(backtest_id, attempt, words=words, at=at)


def run_backtest(
    backtest_id: int, attempt: int, *, clock: Callable[[], datetime], chunk_rows: int = CHUNK_ROWS
) -> None:
    """Run what was claimed and store its result. Does nothing for an attempt that is not the present one.

    What goes wrong is written on the row, in words; what may pass (the database is away) is raised.
    """
    backtest = BACKTESTS.mine(backtest_id, attempt).select_related("policy", "baseline").first()
    if backtest is None:
        return
    try:
        result = _result(backtest, partial(_progress, backtest, clock), chunk_rows)
    except StopError:
        BACKTESTS.stop(backtest_id, attempt, at=clock())
    except (RuleError, ModelRefusedError, BacktestRefusedError) as error:
        BACKTESTS.fail(backtest_id, attempt, words=str(error), at=clock())
    else:
        if not BACKTESTS.finish(backtest_id, attempt, at=clock(), result=result, rows_done=F("rows")):
            BACKTESTS.stop(backtest_id, attempt, at=clock())


def _progress(backtest: Backtest, clock: Callable[[], datetime], rows_done: int) -> None:
    """Say how far it is. Raises: StopError: it was cancelled, or is no longer ours."""
    BACKTESTS.say(backtest.id, backtest.attempts, at=clock(), rows_done=rows_done)


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
    BACKTESTS.mine(backtest.id, backtest.attempts).update(rows=history.count())
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


__all__ = [
    "MAX_ATTEMPTS",
    "BacktestRefusedError",
    "BacktestRequest",
    "CallOffError",
    "abandon_backtest",
    "begin_backtest",
    "cancel_backtest",
    "claim_backtest",
    "period_of",
    "request_backtest",
    "run_backtest",
]
