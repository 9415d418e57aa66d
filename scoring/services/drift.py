"""Drift of the champion: measuring it each day and when asked, reports, and alarms that a person looks after."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from scoring.ml.drift_days import DayCounts, add
from scoring.ml.drift_findings import OF_LABELS, Finding, Measured, Past, in_order, measure, of_labels
from scoring.ml.drift_signs import Limits, Severity, worst
from scoring.ml.model import Model, ModelRefusedError
from scoring.ml.reference import Reference, ReferenceUnreadableError
from scoring.ml.reliability import Reliability, reliability
from scoring.models import DriftAlarm, DriftReport, DriftSettings, ModelVersion
from scoring.services.drift_days import DAY, counted_days, days_between, last_midnight
from scoring.services.drift_figures import labels_json, measured_json
from scoring.services.labelled_sample import mature_payments
from scoring.services.learning_settings import drift_settings, limits_of
from scoring.services.line_up import load_model
from scoring.services.locks import try_lock

logger = logging.getLogger(__name__)

# What weeks of the training showed is learnt from the newest eight of them.
TRAINED_DAYS = 56
# Alerts are held against the four weeks before.
BEFORE_DAYS = 28
# Mature labels of four weeks: of one there are too few frauds to tell.
LABEL_DAYS = 28
LABEL_ROWS = 100_000


class DriftImpossibleError(Exception):
    """There is nothing to measure; the message says what is missing and the way out. Nothing was stored."""


class ClosedAlarmError(Exception):
    """The alarm is over, or somebody looks after it; nothing changed."""


@dataclass(frozen=True)
class Champion:
    """The model that is measured: its row, made to score, and what it learnt from."""

    row: ModelVersion
    model: Model
    reference: Reference


@dataclass(frozen=True)
class Labels:
    """Mature payments since the training, scored: None where there are none, `why` says so."""

    since: datetime | None
    until: datetime | None
    found: Reliability | None
    why: str = ""


def ask_for_report(*, by: User, at: datetime) -> None:
    """Have the task worker measure soon. Twice is once."""
    drift_settings()
    DriftSettings.objects.filter(id=1, asked_at=None).update(asked_at=at, asked_by=by)


def measure_daily(*, at: datetime) -> DriftReport | None:
    """Make today's report; None where it is made, or cannot be, which is logged. Safe to run twice."""
    champion = ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).only("id").first()
    made = DriftReport.objects.filter(model=champion, until=last_midnight(at), is_daily=True)
    if champion is None or made.exists():
        return None
    try:
        return measure_drift(at=at, is_daily=True)
    except DriftImpossibleError as error:
        logger.warning("drift is not measured: %s", error)
        return None


def measure_asked(*, at: datetime) -> DriftReport | None:
    """Make the report that somebody asked for; None where nobody did. What is impossible is asked for no longer."""
    asked = drift_settings()
    if asked.asked_at is None:
        return None
    try:
        report = measure_drift(at=at, by=asked.asked_by)
        is_over = report is not None
    except DriftImpossibleError as error:
        logger.warning("drift is not measured: %s", error)
        report, is_over = None, True
    if is_over:
        # A request that came meanwhile keeps waiting.
        DriftSettings.objects.filter(id=1, asked_at=asked.asked_at).update(asked_at=None, asked_by=None)
    return report


def measure_drift(*, at: datetime, by: User | None = None, is_daily: bool = False) -> DriftReport | None:
    """Compare the newest whole days with the champion's training, keep the report, raise and close alarms.

    None while another process measures. The daily one is made once: again, it is the one there is.

    Raises:
        DriftImpossibleError: no champion, or one without a reference.
    """
    with try_lock("drift") as is_ours:
        if not is_ours:
            return None
        champion = _champion()
        until = last_midnight(at)
        made = DriftReport.objects.filter(model=champion.row, until=until, is_daily=True).first()
        if is_daily and made is not None:
            return made
        found = drift_settings()
        window, measured = _measured(champion, until, found)
        labels = mature_labels(champion, at=at)
        findings = _findings(champion, measured, labels, limits_of(found))
        return _keep(
            DriftReport(
                model=champion.row,
                since=until - found.window_days * DAY,
                until=until,
                status=_status(measured, findings),
                words=_words(measured, findings, window, found),
                figures=_figures(champion, window, measured, labels, findings),
                is_daily=is_daily,
                requested_by=by,
                made_at=at,
            ),
            findings,
            is_measured=measured is not None,
            is_labelled=labels.found is not None,
        )


def acknowledge(*, alarm_id: int, actor: User, now: datetime) -> DriftAlarm:
    """Say that somebody looks after it. It stays open until a report no longer finds it.

    Raises:
        DriftAlarm.DoesNotExist: there is none of this id.
        ClosedAlarmError: it is over, or somebody was faster.
    """
    alarm = DriftAlarm.objects.get(id=alarm_id)
    waiting = DriftAlarm.objects.filter(id=alarm_id, closed_at=None, acknowledged_at=None)
    if not waiting.update(acknowledged_by=actor, acknowledged_at=now):
        raise ClosedAlarmError(alarm_id)
    return alarm


def _champion() -> Champion:
    row = ModelVersion.objects.filter(stage=ModelVersion.Stage.CHAMPION).first()
    if row is None:
        raise DriftImpossibleError("No model is champion: there is no training to compare payments with.")
    try:
        return Champion(row, load_model(row), Reference.from_json(row.reference))
    except (ReferenceUnreadableError, ModelRefusedError) as error:
        raise DriftImpossibleError(f"{error} Train another model and promote it.") from error


def _measured(champion: Champion, until: datetime, found: DriftSettings) -> tuple[DayCounts, Measured | None]:
    """The window's counts, and what they say; None where there are too few payments to say anything."""
    since = until - found.window_days * DAY
    before_since = since - BEFORE_DAYS * DAY
    recent = days_between(before_since, until)
    trained = _trained_days(champion.row, before=since)
    counted = counted_days(
        champion.row, champion.model, champion.reference, [*recent, *trained], rows_a_day=found.rows_a_day
    )
    window = add(counted[day] for day in days_between(since, until))
    if window.rows < found.least_rows:
        return window, None
    past = Past(
        trained={day: counted[day] for day in trained if counted[day].payments},
        before=_weeks(counted, days_between(before_since, since), found.window_days),
        window_days=found.window_days,
    )
    return window, measure(champion.reference, window, past, limits_of(found), least_rows=found.least_rows)


def _trained_days(row: ModelVersion, *, before: datetime) -> list[date]:
    """The newest whole days of the training; none of the window itself, where a model is as fresh as that."""
    until = min(row.trained_to, before).astimezone(UTC)
    return days_between(row.trained_from, until)[-TRAINED_DAYS:]


def _weeks(counted: Mapping[date, DayCounts], days: Sequence[date], length: int) -> list[DayCounts]:
    """Stretches of days, each as long as the window, that do not overlap; those without payments are left out."""
    stretches = [add(counted[day] for day in days[end - length : end]) for end in range(len(days), length - 1, -length)]
    return [stretch for stretch in stretches if stretch.payments]


def mature_labels(champion: Champion, *, at: datetime) -> Labels:
    """Score the mature payments of the four weeks whose labels are newest, none of which the model learnt from.

    Of unlabelled payments only mature ones are legitimate; the younger ones would make fraud look frequent.
    """
    maturity = timedelta(days=settings.LABEL_MATURITY_DAYS)
    until = at - maturity
    since = max(until - LABEL_DAYS * DAY, champion.row.trained_to)
    if since >= until:
        return Labels(None, None, None, f"No payment since its training is {maturity.days} days old yet.")
    known = mature_payments(since, until, labels_as_of=at, maturity=maturity, most=LABEL_ROWS)
    found = reliability(known.labels, champion.model.score(known.vectors))
    return Labels(since, until, found, "" if found else "There are no mature payments in these days.")


def _findings(champion: Champion, measured: Measured | None, labels: Labels, limits: Limits) -> list[Finding]:
    found = list(measured.findings) if measured else []
    if labels.found:
        found += of_labels(labels.found, champion.reference, limits)
    return in_order(found)


def _status(measured: Measured | None, findings: Sequence[Finding]) -> str:
    severity = worst(finding.severity for finding in findings)
    if measured is None and severity == Severity.OK:
        return DriftReport.Status.UNKNOWN
    return DriftReport.Status(severity.value)


def _words(measured: Measured | None, findings: Sequence[Finding], window: DayCounts, found: DriftSettings) -> str:
    days = f"the last {found.window_days} days" if found.window_days > 1 else "the last day"
    if findings:
        more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
        # Labels are of older days: their words say that the payments are mature.
        where = "" if findings[0].code in OF_LABELS else f"In {days}: "
        return f"{where}{findings[0].words}{more}."[:500]
    if measured is None:
        return f"{window.rows:,} payments with features in {days}: nothing is said of fewer than {found.least_rows:,}."
    return f"Payments of {days} look as in training."


def _figures(
    champion: Champion,
    window: DayCounts,
    measured: Measured | None,
    labels: Labels,
    findings: Sequence[Finding],
) -> dict[str, Any]:
    return {
        "findings": [asdict(finding) for finding in findings],
        "labels": labels_json(labels.found, labels.since, labels.until, labels.why),
        "trained_label_rate": champion.reference.label_rate,
        "trained_calibration": [list(point) for point in champion.reference.calibration],
    } | (measured_json(measured, champion.reference, window) if measured else {})


@transaction.atomic
def _keep(report: DriftReport, findings: Sequence[Finding], *, is_measured: bool, is_labelled: bool) -> DriftReport:
    """Store the report; have an open alarm for each finding that is one, and none else. Other models' are over.

    What could not be looked at, for want of payments or of labels, is not over: its alarms stay as they are.
    """
    report.save(force_insert=True)
    at = report.made_at
    alarms = {finding.code: finding for finding in findings if finding.severity == Severity.ALARM}
    is_open = DriftAlarm.objects.filter(closed_at=None)
    is_seen = Q(pk__in=[])
    if is_measured:
        is_seen |= ~Q(code__in=OF_LABELS)
    if is_labelled:
        is_seen |= Q(code__in=OF_LABELS)
    is_open.exclude(model=report.model).update(closed_at=at)
    is_open.filter(is_seen).exclude(code__in=alarms).update(closed_at=at)
    for alarm in is_open.filter(model=report.model, code__in=alarms):
        finding = alarms.pop(alarm.code)
        is_open.filter(id=alarm.id).update(seen_at=at, words=finding.words[:300], figures=finding.figures)
    DriftAlarm.objects.bulk_create(
        DriftAlarm(model=report.model, code=code, words=one.words[:300], figures=one.figures, opened_at=at, seen_at=at)
        for code, one in alarms.items()
    )
    return report
