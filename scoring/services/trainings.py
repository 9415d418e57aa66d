"""Trainings: asking for one, taking the next, running it, calling it off. The row is the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from scoring.datasets import first_payment_at
from scoring.ml.training import Budget, Step, TrainingImpossibleError
from scoring.models import TrainingRun
from scoring.services.job_queue import CallOffError, JobQueue, StopError
from scoring.services.learning import TrainingPeriod, learn
from scoring.services.models import SEED, keep_model

Status = TrainingRun.Status
Reason = TrainingRun.Reason

# It takes the machine's cores and memory while it runs, beside the payments.
AT_ONCE = 1
# Binning ten million payments takes a minute in which nothing is said.
SILENT_AFTER = timedelta(minutes=5)
SAY_EVERY = timedelta(seconds=1)
TRAININGS = JobQueue(TrainingRun, "trainings", AT_ONCE, SILENT_AFTER, {"done": 0.0, "step": ""}, "Try a shorter time.")
# Fraud changes within weeks: a longer look back costs memory and teaches what is over.
LONGEST = timedelta(days=90)
MOST_DAYS, MOST_TRIALS, MOST_SECONDS = 400, 200, 24 * 3600
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class TrainingRefusedError(Exception):
    """It cannot be asked for; `field` is what is wrong, the text says how. Nothing was stored."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class TrainingRequest:
    """What is to be learnt from, and how many settings may be tried; see the fields of `TrainingRun`."""

    trained_from: datetime
    trained_to: datetime
    labels_as_of: datetime
    maturity_days: int
    trials: int = 0
    trial_seconds: int = 600


def usual_request(*, at: datetime, maturity_days: int | None = None) -> TrainingRequest:
    """What is asked for when nobody says otherwise: the newest payments whose labels are in, LONGEST at most."""
    days = settings.LABEL_MATURITY_DAYS if maturity_days is None else maturity_days
    # Younger payments are known only where they were fraud or reviewed: with them the model would expect
    # fraud to be many times as frequent as it is.
    end = at - timedelta(days=days)
    return TrainingRequest(usual_start(end), end, at, days)


def usual_start(end: datetime) -> datetime:
    """The first payment that is not older than LONGEST at `end`, for the period as it will be stored."""
    oldest = first_payment_at()
    return max(end - LONGEST, oldest) if oldest and oldest < end else end - LONGEST


def request_training(
    wanted: TrainingRequest, *, by: User | None, at: datetime, reason: str = Reason.ASKED
) -> TrainingRun:
    """Put a training at the end of the queue. Labels that are still to come are none: `labels_as_of` is `at` at most.

    Raises:
        TrainingRefusedError: the times are in no order, or the budget is out of bounds.
    """
    labels_as_of = min(wanted.labels_as_of, at)
    end = min(wanted.trained_to, at)
    if wanted.trained_from < EARLIEST:
        raise TrainingRefusedError("trained_from", f"must be {EARLIEST:%Y-%m-%d} or later: no payment is older")
    if wanted.trained_from >= end:
        raise TrainingRefusedError("trained_from", "must be before the end, and before now")
    if end - wanted.trained_from > timedelta(days=MOST_DAYS):
        raise TrainingRefusedError("trained_from", f"choose at most {MOST_DAYS} days")
    if labels_as_of < end:
        raise TrainingRefusedError("labels_as_of", "must not be before the last payment: its labels came later")
    if not 0 <= wanted.trials <= MOST_TRIALS:
        raise TrainingRefusedError("trials", f"choose 0 to {MOST_TRIALS}")
    if not 1 <= wanted.trial_seconds <= MOST_SECONDS:
        raise TrainingRefusedError("trial_seconds", f"choose 1 to {MOST_SECONDS} seconds")
    return TrainingRun.objects.create(
        reason=reason,
        trained_from=wanted.trained_from,
        trained_to=end,
        labels_as_of=labels_as_of,
        maturity_days=wanted.maturity_days,
        trials=wanted.trials,
        trial_seconds=wanted.trial_seconds,
        requested_by=by,
    )


def cancel_training(run_id: int, *, by: User | None, at: datetime) -> None:
    """Call off a training: at once if it waits, within seconds if it runs. Twice is once.

    Raises:
        CallOffError: it is over already; it stays as it is.
    """
    TRAININGS.cancel(run_id, by=by, at=at)


def claim_training(*, at: datetime) -> TrainingRun | None:
    """The one that waits longest, to be run by the caller; None while AT_ONCE run or none waits."""
    return TRAININGS.claim(at=at)


def abandon_training(run_id: int, attempt: int, *, words: str, at: datetime) -> None:
    """Say that the process of an attempt ended before the run did. One that is over, or another's by now, stays."""
    TRAININGS.abandon(run_id, attempt, words=words, at=at)


def run_training(run_id: int, attempt: int, *, clock: Callable[[], datetime]) -> None:
    """Run what was claimed and store its model. Does nothing for an attempt that is not the present one.

    What goes wrong is written on the row, in words; what may pass (the database is away) is raised.
    """
    run = TRAININGS.mine(run_id, attempt).select_related("requested_by").first()
    if run is None:
        return
    try:
        _train(run, clock)
    except StopError:
        TRAININGS.stop(run_id, attempt, at=clock())
    except TrainingImpossibleError as error:
        words = f"{error} Record labels, or choose a longer time or fewer days until unlabelled counts as legitimate."
        TRAININGS.fail(run_id, attempt, words=words, at=clock())


def period_of(run: TrainingRun) -> TrainingPeriod:
    """What is read for it."""
    return TrainingPeriod(run.trained_from, run.trained_to, run.labels_as_of, timedelta(days=run.maturity_days))


def _train(run: TrainingRun, clock: Callable[[], datetime]) -> None:
    """Raises: StopError: it was cancelled, or is no longer ours; TrainingImpossibleError."""
    period = period_of(run)
    learnt = learn(period, seed=SEED, budget=Budget(run.trials, run.trial_seconds), progress=_Saying(run, clock))
    # Together: a run that was cancelled, or given to another process, leaves no model.
    with transaction.atomic():
        model = keep_model(learnt, period, requested_by=run.requested_by)
        words = f"Stored model {model.version} as {model.stage}"
        if not TRAININGS.finish(run.id, run.attempts, at=clock(), model=model, step=words, done=1.0):
            raise StopError


class _Saying:
    """Says how far a run is, and hears whether it was cancelled: at each new step, and every SAY_EVERY in between."""

    def __init__(self, run: TrainingRun, clock: Callable[[], datetime]) -> None:
        self._run, self._clock = run, clock
        self._words, self._at = "", datetime.min.replace(tzinfo=UTC)

    def __call__(self, step: Step) -> None:
        at = self._clock()
        if step.words == self._words and at - self._at < SAY_EVERY:
            return
        TRAININGS.say(self._run.id, self._run.attempts, at=at, step=step.words[:200], done=step.done)
        self._words, self._at = step.words, at


__all__ = [
    "TRAININGS",
    "CallOffError",
    "TrainingRefusedError",
    "TrainingRequest",
    "abandon_training",
    "cancel_training",
    "claim_training",
    "request_training",
    "run_training",
    "usual_request",
]
