"""Counts the figures of the dashboard again where the record has changed: payments, labels, cases, the backlog."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from cases import durations
from cases.models import CaseEvent, FiguresProgress
from cases.money import SCORE_WITHOUT_MODEL
from cases.queries.queue_counts import DUE_SOON
from cases.services.figures_progress import keep, look
from cases.services.figures_sql import IS_RELEASED, LABEL
from cases.services.rule_figures import count_rule_days, count_rule_hours
from cases.services.score_figures import mark_days
from scoring.queries_labels import newly_settled
from scoring.services.locks import try_lock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A page left open over lunch renews its claim; longer than this nobody looks at one case.
LONGEST_HANDLING = timedelta(minutes=30)
_LOCK = "figures of the dashboard"
# What may change a day's verdicts, skips and times.
_KINDS = [
    CaseEvent.Kind.VERDICT,
    CaseEvent.Kind.SKIPPED,
    CaseEvent.Kind.RELEASED,
    CaseEvent.Kind.ESCALATED,
    CaseEvent.Kind.SNOOZED,
    CaseEvent.Kind.REOPENED,
    CaseEvent.Kind.UNDONE,
    CaseEvent.Kind.APPROVED,
    CaseEvent.Kind.REFUSED,
]


@dataclass(frozen=True)
class Refreshed:
    """How much was counted again."""

    hours: int
    days: int


def refresh_figures(*, now: datetime) -> Refreshed | None:
    """Count the hours and days again that changed since the last call; None while another process does it.

    Idempotent. Each stretch is one transaction, and the progress is kept last: what a crash leaves is done again.
    """
    with try_lock(_LOCK) as is_ours:
        if not is_ours:
            return None
        progress, _ = FiguresProgress.objects.get_or_create(id=1)
        seen = look()
        hours = _changed_hours(progress)
        _count_payments(hours)
        mark_days(hour.date() for hour in hours)
        days = _changed_days(progress)
        for day in days:
            _count_desk(day)
        _count_backlog(now)
        keep(progress, seen)
        return Refreshed(hours=len(hours), days=len(days))


def forget_progress() -> None:
    """Have the next refresh count everything: after rows were changed by hand, or restored."""
    FiguresProgress.objects.update(decision_counted=0, label_counted=0, event_counted=0)


_CHANGED_HOURS = f"""
SELECT date_trunc('hour', occurred_at, 'UTC') FROM scoring_decision WHERE id > %(decision)s
UNION
SELECT date_trunc('hour', occurred_at, 'UTC') FROM scoring_label AS label
JOIN scoring_decision AS decision ON decision.id = label.decision_id
WHERE label.id > %(label)s OR {newly_settled("%(looked_at)s::timestamptz")}
ORDER BY 1
"""  # noqa: S608 - constants only
_CHANGED_DAYS = """
WITH changed AS MATERIALIZED (
  SELECT DISTINCT case_id FROM cases_caseevent WHERE id > %(counted)s AND kind = ANY(%(kinds)s)
)
SELECT (happened_at AT TIME ZONE 'UTC')::date FROM cases_caseevent JOIN changed USING (case_id)
WHERE kind = ANY(%(kinds)s)
UNION
SELECT (decided_at AT TIME ZONE 'UTC')::date FROM cases_case JOIN changed ON changed.case_id = cases_case.id
WHERE decided_at IS NOT NULL
UNION
SELECT (ended_at AT TIME ZONE 'UTC')::date FROM cases_handling JOIN changed USING (case_id) WHERE ended_at IS NOT NULL
ORDER BY 1
"""


def _changed_hours(progress: FiguresProgress) -> list[datetime]:
    with connection.cursor() as cursor:
        counted = {"decision": progress.decision_counted, "label": progress.label_counted}
        cursor.execute(_CHANGED_HOURS, {**counted, "looked_at": progress.looked_at})
        return [row[0].astimezone(UTC) for row in cursor.fetchall()]


def _changed_days(progress: FiguresProgress) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED_DAYS, {"counted": progress.event_counted, "kinds": _KINDS})
        return [row[0] for row in cursor.fetchall()]


_COUNT_HOURS = f"""
INSERT INTO cases_hourlyfigures (hour, currency, policy_version, model_version, approved, reviewed, declined, amount,
  stopped, stopped_amount, pending, pending_stake, missed, missed_amount, missed_reported, false_alarms,
  false_alarm_amount, cleared, released, released_amount)
SELECT hour, currency, policy_version, model_version, count(*) FILTER (WHERE NOT flagged),
  count(*) FILTER (WHERE outcome = 'review'), count(*) FILTER (WHERE outcome = 'decline'), sum(amount),
  count(*) FILTER (WHERE flagged AND label = 'fraud'),
  coalesce(sum(amount) FILTER (WHERE flagged AND label = 'fraud'), 0),
  count(*) FILTER (WHERE flagged AND label IS NULL), coalesce(sum(stake) FILTER (WHERE flagged AND label IS NULL), 0),
  count(*) FILTER (WHERE NOT flagged AND label = 'fraud'),
  coalesce(sum(amount) FILTER (WHERE NOT flagged AND label = 'fraud'), 0),
  count(*) FILTER (WHERE NOT flagged AND label = 'fraud' AND source <> 'analyst'),
  count(*) FILTER (WHERE flagged AND label = 'legitimate'),
  coalesce(sum(amount) FILTER (WHERE flagged AND label = 'legitimate'), 0),
  count(*) FILTER (WHERE NOT flagged AND label = 'legitimate'),
  count(*) FILTER (WHERE is_released), coalesce(sum(amount) FILTER (WHERE is_released), 0)
FROM (
  SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, currency, policy_version, model_version, outcome, amount,
    outcome <> 'approve' AS flagged, believed.label, believed.source,
    round(amount * coalesce(score, {SCORE_WITHOUT_MODEL})::numeric, 2) AS stake, {IS_RELEASED} AS is_released
  FROM scoring_decision AS decision {LABEL}
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s
) AS payment
GROUP BY hour, currency, policy_version, model_version
"""  # noqa: S608 - constants only


def _count_payments(hours: Sequence[datetime]) -> None:
    for since, until in _stretches(hours):
        times = {"since": since, "until": until}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM cases_hourlyfigures WHERE hour >= %(since)s AND hour < %(until)s", times)
            cursor.execute(_COUNT_HOURS, times)
            count_rule_hours(since, until)
    count_rule_days(sorted({hour.date() for hour in hours}))


def _stretches(hours: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Neighbouring hours as one, at most a day: what is counted at once stays small."""
    since = until = None
    for hour in hours:
        if since is None or until is None or hour != until or until - since >= DAY:
            if since is not None and until is not None:
                yield since, until
            since = hour
        until = hour + HOUR
    if since is not None and until is not None:
        yield since, until


def _times_of(day: date) -> dict[str, Any]:
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {"day": day, "since": since, "until": since + DAY}


def _classes(column: str) -> str:
    """SQL of an array: how many rows are in each class of `durations.BOUNDS`."""
    counts = (f"count(*) FILTER (WHERE {column} = {number})" for number in range(durations.CLASSES))
    return f"ARRAY[{', '.join(counts)}]"


def _class_of(seconds: str) -> str:
    return f"width_bucket(({seconds})::float8, ARRAY[{', '.join(map(str, durations.BOUNDS))}]::float8[])"


# A case that the clock decides took nobody any time: its age would be taken for how long a verdict takes.
_COUNT_DESK = f"""
WITH decided AS (
  SELECT decided_by_id AS analyst_id, verdict, decided_at <= due_at AS in_time,
    CASE WHEN decided_by_id IS NOT NULL THEN {_class_of("extract(epoch FROM decided_at - opened_at)")} END
      AS verdict_time,
    {_class_of("extract(epoch FROM look.first_at - opened_at)")} AS first_look
  FROM cases_case LEFT JOIN LATERAL (
    SELECT min(first_viewed_at) AS first_at FROM cases_handling WHERE cases_handling.case_id = cases_case.id
  ) AS look ON true
  WHERE status = 'decided' AND decided_at >= %(since)s AND decided_at < %(until)s
), verdicts AS (
  SELECT analyst_id, count(*) AS verdicts, count(*) FILTER (WHERE verdict = 'fraud') AS frauds,
    count(*) FILTER (WHERE verdict = 'legitimate') AS legitimate, count(*) FILTER (WHERE in_time) AS in_time,
    {_classes("first_look")} AS first_looks, {_classes("verdict_time")} AS verdict_times
  FROM decided GROUP BY analyst_id
), handled AS (
  SELECT analyst_id, ending, extract(epoch FROM least(ended_at - claimed_at, %(longest)s)) AS seconds
  FROM cases_handling
  WHERE ended_at >= %(since)s AND ended_at < %(until)s
    AND ending IN ('verdict', 'skipped', 'released', 'escalated', 'snoozed')
), efforts AS (
  SELECT analyst_id, count(*) FILTER (WHERE ending = 'skipped') AS skipped, sum(seconds) AS seconds,
    {_classes("CASE WHEN ending = 'verdict' THEN " + _class_of("seconds") + " END")} AS handling_times
  FROM handled GROUP BY analyst_id
)
INSERT INTO cases_deskfigures (day, analyst_id, verdicts, frauds, legitimate, in_time, skipped, handled_seconds,
  first_looks, verdict_times, handling_times)
SELECT %(day)s, coalesce(verdicts.analyst_id, efforts.analyst_id), coalesce(verdicts, 0), coalesce(frauds, 0),
  coalesce(legitimate, 0), coalesce(in_time, 0), coalesce(skipped, 0), coalesce(seconds, 0),
  coalesce(first_looks, %(none)s), coalesce(verdict_times, %(none)s), coalesce(handling_times, %(none)s)
FROM verdicts FULL JOIN efforts ON efforts.analyst_id = verdicts.analyst_id
"""  # noqa: S608 - constants only


def _count_desk(day: date) -> None:
    values = {**_times_of(day), "longest": LONGEST_HANDLING, "none": [0] * durations.CLASSES}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_deskfigures WHERE day = %s", [day])
        cursor.execute(_COUNT_DESK, values)


_COUNT_BACKLOG = """
INSERT INTO cases_backlogfigures (hour, taken_at, open, overdue, due_soon, by_age)
SELECT date_trunc('hour', %(now)s, 'UTC'), %(now)s, coalesce(sum(cases), 0), coalesce(sum(overdue), 0),
  coalesce(sum(due_soon), 0), array_agg(coalesce(cases, 0) ORDER BY number)
FROM generate_series(0, %(last)s) AS number LEFT JOIN (
  SELECT width_bucket(extract(epoch FROM %(now)s - opened_at)::float8, %(ages)s::float8[]) AS number, count(*) AS cases,
    count(*) FILTER (WHERE due_at < %(now)s) AS overdue,
    count(*) FILTER (WHERE due_at >= %(now)s AND due_at < %(soon)s) AS due_soon
  FROM cases_case WHERE status = 'open' GROUP BY 1
) AS aged USING (number)
ON CONFLICT (hour) DO UPDATE SET taken_at = excluded.taken_at, open = excluded.open, overdue = excluded.overdue,
  due_soon = excluded.due_soon, by_age = excluded.by_age
"""


def _count_backlog(now: datetime) -> None:
    ages = list(durations.AGES)
    values: dict[str, Any] = {"now": now, "soon": now + DUE_SOON, "ages": ages, "last": len(ages)}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_BACKLOG, values)
