"""Retraining by itself: when it is time, what is asked for, what becomes of the model. A person promotes, always."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction

from scoring.datasets import first_payment_at
from scoring.ml.model import ModelRefusedError
from scoring.models import DriftAlarm, ModelEvent, ModelVersion, Retraining, RetrainingSettings, TrainingRun
from scoring.services.comparisons import NotComparableError, compare_with_champion
from scoring.services.learning_settings import retraining_settings
from scoring.services.locks import take_lock, try_lock
from scoring.services.model_guards import ModelStepError, record
from scoring.services.model_stages import propose, put_in_shadow
from scoring.services.trainings import TrainingRefusedError, TrainingRequest, request_training

logger = logging.getLogger(__name__)

_Status, _Reason, _Outcome = TrainingRun.Status, TrainingRun.Reason, Retraining.Outcome
_NOT_AGAIN = (_Status.FAILED, _Status.CANCELLED)


@dataclass(frozen=True)
class Plan:
    """Whether a training is due, and why; `words` also say why none is."""

    reason: str
    words: str

    @property
    def is_due(self) -> bool:
        return bool(self.reason)


def plan(found: RetrainingSettings, *, at: datetime) -> Plan:
    """What the clock would do now. A fixed number of queries."""
    if not found.is_enabled:
        return Plan("", "Retraining by itself is off.")
    champion = ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).only("created_at").first()
    if champion is None:
        return Plan("", "No model is champion: the first one is trained by a person.")
    last = TrainingRun.objects.order_by("-created_at", "-id").first()
    wait = timedelta(days=found.every_days)
    obstacle = _obstacle(last, wait, at)
    if obstacle:
        return Plan("", obstacle)
    newest = max(champion.created_at, last.created_at) if last is not None else champion.created_at
    alarm = DriftAlarm.objects.filter(closed_at=None, opened_at__gt=newest).order_by("opened_at").first()
    # Drift raises alarms one after the other, and some come again: a second training would learn from the same days.
    was_of_drift = last is not None and last.reason == _Reason.DRIFT and at < newest + wait
    if found.on_drift and alarm is not None and not was_of_drift:
        return Plan(_Reason.DRIFT, f"Drift since {alarm.opened_at:%-d %b %Y}: {alarm.words}")
    if at >= newest + wait:
        return Plan(_Reason.SCHEDULE, f"{found.every_days} days after the last training.")
    return Plan("", f"The next training by schedule is due on {newest + wait:%-d %b %Y}.")


def _obstacle(last: TrainingRun | None, wait: timedelta, at: datetime) -> str:
    """Why nothing is asked for, whatever is due; empty where nothing is in the way."""
    if last is not None and last.status in (_Status.WAITING, _Status.RUNNING):
        return "A training is under way."
    if last is not None and last.status in _NOT_AGAIN and at < last.created_at + wait:
        return f"The last training {last.status}: not again before {last.created_at + wait:%-d %b %Y}."
    return ""


def ask_when_due(*, at: datetime) -> Retraining | None:
    """Ask for a training where one is due; None where none is. Safe to run twice and at once."""
    with transaction.atomic():
        take_lock("retraining")
        found = retraining_settings()
        due = plan(found, at=at)
        if not due.is_due or Retraining.objects.filter(finished_at=None).exists():
            return None
        try:
            run = request_training(_wanted(found, at), by=None, at=at, reason=due.reason)
        except TrainingRefusedError as error:
            logger.warning("no training is asked for, though it is due: %s", error)
            return None
        return Retraining.objects.create(run=run, then=found.then, words=due.words[:500])


def _wanted(found: RetrainingSettings, at: datetime) -> TrainingRequest:
    """The newest mature days stay out: there both models are compared. From midnight to midnight: days are whole."""
    days = settings.LABEL_MATURITY_DAYS if found.maturity_days is None else found.maturity_days
    until = at - timedelta(days=days + found.compare_days)
    until = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since, oldest = until - timedelta(days=found.window_days), first_payment_at()
    return TrainingRequest(max(since, oldest) if oldest and oldest < until else since, until, at, days)


def finish_what_ended(*, at: datetime) -> Retraining | None:
    """Compare the model of a training that ended with the champion, then do what the settings said when it was asked.

    None where nothing ended. Safe to run twice: what is finished is finished, and one process does it at a time.
    """
    with try_lock("retraining ends") as is_ours:
        waiting = Retraining.objects.select_related("run__model").filter(finished_at=None).first() if is_ours else None
        if waiting is None or waiting.run.status in (_Status.WAITING, _Status.RUNNING):
            return None
        model = waiting.run.model
        if model is None:
            return _finish(waiting, _Outcome.FAILED, waiting.run.error or "It was cancelled.", at)
        if model.stage != ModelVersion.Stage.CANDIDATE or model.proposed_at is not None:
            # A person was faster, or the same data gave the same model again.
            return _finish(waiting, _Outcome.KEPT, f"Model {model.version} is {model.stage} already.", at)
        return _judge(waiting, model, at)


def _judge(waiting: Retraining, model: ModelVersion, at: datetime) -> Retraining:
    maturity = timedelta(days=waiting.run.maturity_days)
    try:
        compared = compare_with_champion(model, at=at, maturity=maturity)
    except NotComparableError as error:
        return _keep_as_candidate(waiting, model, f"It was not compared with the champion: {error}", at)
    if compared.is_worse:
        return _keep_as_candidate(waiting, model, f"Worse than the champion. {compared.words}", at)
    note = f"{waiting.words} {compared.words}"[:500]
    try:
        with transaction.atomic():
            if waiting.then == RetrainingSettings.Then.SHADOW:
                put_in_shadow(version=model.version, by=None, at=at)
                return _finish(waiting, _Outcome.SHADOWED, compared.words, at)
            propose(version=model.version, note=note, by=None, at=at)
            return _finish(waiting, _Outcome.PROPOSED, compared.words, at)
    except (ModelStepError, ModelRefusedError) as error:
        return _keep_as_candidate(waiting, model, str(error), at)


@transaction.atomic
def _keep_as_candidate(waiting: Retraining, model: ModelVersion, words: str, at: datetime) -> Retraining:
    """Have it stand among the model's events why nobody is asked to promote it."""
    record(model, ModelEvent.Action.REFUSED, by=None, at=at, note=words)
    return _finish(waiting, _Outcome.KEPT, words, at)


def _finish(waiting: Retraining, outcome: str, words: str, at: datetime) -> Retraining:
    said = f"{waiting.words} {words}"[:500]
    Retraining.objects.filter(id=waiting.id, finished_at=None).update(outcome=outcome, words=said, finished_at=at)
    waiting.refresh_from_db()
    return waiting
