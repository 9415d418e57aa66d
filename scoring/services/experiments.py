"""Experiments: starting one together with its challenger, ending both, and writing down each day what is known."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q

from scoring.ml.experiments.judging import Rule
from scoring.ml.experiments.power import Plan
from scoring.models import Experiment, ExperimentLook, ModelVersion
from scoring.queries_experiments import Window, arm_figures
from scoring.services.locks import take_lock
from scoring.services.model_guards import refusal_on_record
from scoring.services.model_stages import ModelStepError, end_challenger, set_challenger

logger = logging.getLogger(__name__)

End, Metric = Experiment.End, Experiment.Metric

# Every process follows a new challenger within five seconds; a card must not have been decided for by both.
SETTLING = timedelta(seconds=10)
# Days that were missed are caught up with; so many at a time, for each is a count over all payments since the start.
MOST_AT_ONCE = 10
_DAY = timedelta(days=1)
_LOCK = "experiments"


class ExperimentRefusedError(Exception):
    """It cannot be started like this; `field` is what is wrong, the text says how. Nothing changed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ExperimentOverError(Exception):
    """It ended before; that end stays."""


@dataclass(frozen=True)
class ExperimentPlan:
    """What is measured, how surely, and for how long; see the fields of `Experiment`."""

    metric: str
    currency: str
    false_decline_cost: Decimal
    review_cost: Decimal
    least_effect: float
    looks: int
    planned_days: int
    maturity_days: int
    alpha: float = 0.05
    power: float = 0.8


def start_experiment(
    model: str, share: float, plan: ExperimentPlan, *, by: User, at: datetime, baseline: dict[str, Any] | None = None
) -> Experiment:
    """Let a model decide for a share of the cards, under a plan that stays. Of two at once one is started.

    Raises:
        ExperimentRefusedError: another one runs, or there is no champion to compare with.
        UnknownModelError, ModelStepError, ModelRefusedError: as `set_challenger`.
    """
    # A refusal that is written down within goes with the transaction: this one stays.
    with refusal_on_record(model, by=by, at=at):
        take_lock(_LOCK)
        close_left_experiment(at=at)
        running = Experiment.objects.filter(end="").first()
        if running is not None:
            raise ExperimentRefusedError("model", f"Experiment {running.id} is running: end it first.")
        champion = ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).first()
        if champion is None:
            raise ExperimentRefusedError("model", "There is no champion to compare with: promote a model first.")
        challenger = set_challenger(model, share, by=by, at=at)
        return Experiment.objects.create(
            challenger=challenger, champion=champion, share=share, started_at=at, started_by=by,
            baseline=baseline or {}, **vars(plan),
        )  # fmt: skip


@transaction.atomic
def end_experiment(experiment_id: int, *, end: str, conclusion: str, by: User, at: datetime) -> Experiment:
    """Close an experiment for good and take the challenger's cards back.

    Raises:
        ExperimentOverError: it ended before, and stays so.
    """
    take_lock(_LOCK)
    running = Experiment.objects.filter(id=experiment_id, end="")
    if not running.update(end=end, ended_at=at, ended_by=by, conclusion=conclusion):
        raise ExperimentOverError("The experiment is over already.")
    experiment = Experiment.objects.select_related("challenger").get(id=experiment_id)
    said = f"Experiment {experiment.id}: {experiment.get_end_display()}"
    # By whichever step it left its stage meanwhile, it has no cards to give back.
    with suppress(ModelStepError), transaction.atomic():
        end_challenger(experiment.challenger.version, reason=said, by=by, at=at)
    return experiment


def close_left_experiment(*, at: datetime) -> int:
    """End the experiment whose challenger has other cards, or whose champion is that no more. Twice is once.

    One that left its stage and came back counts as gone: meanwhile its cards were decided for by another.
    """
    stage = ModelVersion.Stage
    left = Experiment.objects.filter(end="").exclude(
        Q(
            challenger__stage=stage.CHALLENGER,
            challenger__share=F("share"),
            challenger__stage_since__lte=F("started_at"),
        ),
        champion__stage=stage.CHAMPION,
        champion__stage_since__lte=F("started_at"),
    )
    said = "Ended by itself: one of the two left its stage or the share was changed, so cards went to the other arm."
    return left.update(end=End.LEFT, ended_at=at, conclusion=said)


def record_looks(*, at: datetime) -> int:
    """Write down what was known at the end of each day that is over; how many were written. Twice is once."""
    close_left_experiment(at=at)
    experiment = Experiment.objects.select_related("challenger", "champion").filter(end="").first()
    if experiment is None:
        return 0
    missing = _days_without_look(experiment, today=at.astimezone(UTC).date())[:MOST_AT_ONCE]
    for day in missing:
        figures = figures_by(experiment, end_of(day))
        ExperimentLook.objects.bulk_create(
            [ExperimentLook(experiment=experiment, day=day, figures=figures)], ignore_conflicts=True
        )
        logger.info("experiment %s: what is known by %s is written down", experiment.id, day)
    return len(missing)


def _days_without_look(experiment: Experiment, *, today: date) -> list[date]:
    first = experiment.started_at.astimezone(UTC).date()
    written = set(experiment.recorded.values_list("day", flat=True))
    days = (first + number * _DAY for number in range((today - first).days))
    return [day for day in days if day not in written]


def figures_by(experiment: Experiment, moment: datetime) -> dict[str, Any]:
    """The sums of both arms with the labels known at a moment, and nothing decided later."""
    window = Window(
        since=experiment.started_at + SETTLING,
        until=moment,
        labels_as_of=moment,
        maturity_days=experiment.maturity_days,
        currency=experiment.currency,
        false_decline_cost=experiment.false_decline_cost,
        review_cost=experiment.review_cost,
        champion=experiment.champion.version,
        challenger=experiment.challenger.version,
    )
    return arm_figures(window)


def rule_of(experiment: Experiment) -> Rule:
    """How it is judged: chosen before it began."""
    plan = Plan(experiment.least_effect, experiment.share, experiment.alpha, experiment.power, experiment.looks)
    return Rule(plan, experiment.planned_days, is_less_better=experiment.metric != Metric.PRECISION)


def counted_days(experiment: Experiment, day: date) -> int:
    """How many days' payments count by the end of a day: alerts once reviewed, all others when they are old enough."""
    days = (day - experiment.started_at.astimezone(UTC).date()).days + 1
    return days if experiment.metric == Metric.PRECISION else max(0, days - experiment.maturity_days)


def end_of(day: date) -> datetime:
    return datetime.combine(day + _DAY, time(), UTC)
