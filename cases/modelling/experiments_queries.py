"""Experiments as pages show them, and the traffic that one is planned from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery

from scoring.datasets import first_payment_at
from scoring.ml.experiments.comparing import CardSums
from scoring.ml.experiments.power import Traffic
from scoring.models import Experiment, ExperimentLook, ModelVersion
from scoring.queries_experiments import ALL, CHAMPION, Window, arm_figures
from scoring.services.experiments import ExperimentPlan

SHOWN = 50
# Long enough for cards to come back as they will, short enough to be like today.
PLANNED_FROM = timedelta(days=28)
_PEOPLE = ("challenger", "champion", "started_by", "ended_by")


@dataclass(frozen=True)
class Baseline:
    """The traffic of `days` days before `until`, from which a plan foretells. hits: cards with a fraud or a loss."""

    traffic: Traffic
    until: datetime
    days: float
    cards: int
    hits: int


def latest_experiments() -> list[Experiment]:
    """The SHOWN newest, each with the day of its last look. One query."""
    last = ExperimentLook.objects.filter(experiment=OuterRef("pk")).order_by("-day").values("day")[:1]
    found = Experiment.objects.select_related(*_PEOPLE).annotate(looked_at=Subquery(last))
    return list(_without_artefacts(found)[:SHOWN])


def whole_experiment(experiment_id: int) -> Experiment | None:
    return _without_artefacts(Experiment.objects.select_related(*_PEOPLE)).filter(id=experiment_id).first()


def _without_artefacts(found: "QuerySet[Experiment]") -> "QuerySet[Experiment]":
    """A model is as long as all else of a page a thousand times."""
    heavy = ("artefact", "anomaly_artefact", "metrics", "card", "reference", "dataset")
    return found.defer(*(f"{model}__{name}" for model in ("challenger", "champion") for name in heavy)).order_by("-id")


def looks_of(experiment: Experiment) -> list[ExperimentLook]:
    """In the order of days."""
    return list(experiment.recorded.order_by("day"))


def models_to_try() -> list[tuple[str, str]]:
    """Version and stage of those that can become challenger, the newest first."""
    stages = (ModelVersion.Stage.CANDIDATE, ModelVersion.Stage.SHADOW)
    return list(ModelVersion.objects.filter(stage__in=stages).order_by("-id").values_list("version", "stage"))


def baseline_for(plan: ExperimentPlan, *, at: datetime) -> Baseline | None:
    """What the newest payments that are old enough say of those to come; None where there are too few to say anything.

    All that was paid counts, by whichever model: it is the traffic that is wanted.
    """
    until = at - timedelta(days=plan.maturity_days)
    first = first_payment_at()
    if first is None or first >= until:
        return None
    since = max(first, until - PLANNED_FROM)
    window = Window(since, until, at, plan.maturity_days, plan.currency, plan.false_decline_cost, plan.review_cost)
    place = plan.currency if plan.metric == Experiment.Metric.LOSS else ALL
    arm = arm_figures(window)["arms"].get(place, {}).get(CHAMPION)
    sums = CardSums.read(arm["sums"][plan.metric]) if arm else None
    if sums is None or sums.cards < 2 or not sums.variance:
        return None
    days = (until - since) / timedelta(days=1)
    return Baseline(Traffic(sums.n / days, sums.ratio, sums.unit_variance), until, days, sums.cards, sums.hits)
