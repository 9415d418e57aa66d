"""What the page of drift is made from, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User

from scoring.models import (
    DriftAlarm,
    DriftDay,
    DriftReport,
    DriftSettings,
    ModelVersion,
    Retraining,
    RetrainingSettings,
)
from scoring.services.learning_settings import drift_settings, retraining_settings
from scoring.services.retraining import Plan, plan

REPORTS, RETRAININGS, CLOSED_ALARMS, DAYS = 20, 10, 10, 35


@dataclass(frozen=True)
class Day:
    """A counted day: all payments, those flagged, and counts over the bins of the training's scores."""

    day: date
    payments: int
    flagged: int
    scores: Sequence[int]


@dataclass(frozen=True)
class DriftFacts:
    """The champion, its newest report, and what else the page tells of. Models come without their artefacts."""

    champion: ModelVersion | None
    report: DriftReport | None
    reports: list[DriftReport]
    days: list[Day]
    open_alarms: list[DriftAlarm]
    closed_alarms: list[DriftAlarm]
    settings: DriftSettings
    retraining: RetrainingSettings
    plan: Plan
    retrainings: list[Retraining]


def count_unseen_drift(user: User) -> int | None:
    """Open alarms of drift that nobody looks after yet; None for who may not see reports of drift."""
    if not user.has_perm("scoring.view_driftreport"):
        return None
    return DriftAlarm.objects.filter(closed_at=None, acknowledged_at=None).count()


def drift_facts(*, at: datetime) -> DriftFacts:
    champion = (
        ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION)
        .only("version", "trained_from", "trained_to", "stage")
        .first()
    )
    reports = DriftReport.objects.filter(model=champion).order_by("-made_at", "-id")
    alarms = DriftAlarm.objects.select_related("acknowledged_by").order_by("-opened_at", "-id")
    retraining = retraining_settings()
    return DriftFacts(
        champion=champion,
        report=reports.first(),
        reports=list(reports.defer("figures").select_related("requested_by")[:REPORTS]),
        days=_days(champion, at),
        open_alarms=sorted(alarms.filter(closed_at=None), key=lambda alarm: alarm.acknowledged_at is not None),
        closed_alarms=list(alarms.filter(closed_at__isnull=False)[:CLOSED_ALARMS]),
        settings=drift_settings(),
        retraining=retraining,
        plan=plan(retraining, at=at),
        retrainings=list(
            Retraining.objects.select_related("run__model")
            .only("then", "words", "outcome", "finished_at", "created_at", "run__reason", "run__status",
                  "run__model__version", "run__model__stage")
            .order_by("-created_at", "-id")[:RETRAININGS]
        ),
    )  # fmt: skip


def _days(champion: ModelVersion | None, at: datetime) -> list[Day]:
    recent = DriftDay.objects.filter(model=champion, day__gte=(at - timedelta(days=DAYS)).date()).order_by("day")
    rows = recent.values_list("day", "payments", "flagged", "figures__values__score")
    return [Day(day, payments, flagged, scores or []) for day, payments, flagged, scores in rows]
