"""What the dashboard reads: figures counted ahead, in a fixed number of queries whatever the record holds."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from cases import durations
from cases.charts import sparkline
from cases.dashboard.figures import Backlog, Change, Dashboard, DayOfWork, Desk, Payments, RuleRow, Work, together
from cases.dashboard.span import Span
from cases.dashboard.sums import NAMES, Share, Sums, total
from cases.models import BacklogFigures, RuleAlarm
from cases.policy.in_force import list_of, title_of
from cases.queries.audit import audited_in
from scoring.models import Policy, Rule

# A rule that met nothing for longer than this is said never to have met anything.
_RULES_LOOK_BACK = timedelta(days=400)
_SPARK_POINTS = 30
# Where a rule's words have the value of a feature.
_PLACES = re.compile(r"\{[^{}]*\}")


def dashboard(span: Span, *, currency: str, main_currency: str) -> Dashboard:
    """Everything the page shows. Without a currency the main one, or where it has no payments the busiest."""
    payments = _payments(span, currency=currency, main_currency=main_currency)
    return Dashboard(
        span=span,
        payments=payments,
        desk=_desk(span),
        rules=_rules(span),
        backlog=_backlog(),
        backlog_history=_backlog_history(span),
        audited=audited_in(span.since, min(span.until, span.now), currency=payments.currency),
    )


def _sum(name: str) -> str:
    """SQL of a sum in the type of its column."""
    return f"sum({name})" if name.endswith(("amount", "stake")) else f"sum({name})::bigint"


_PAYMENTS = f"""
SELECT part, bucket, currency, policy_version, model_version, min(hour), {", ".join(map(_sum, NAMES))}
FROM (
  SELECT *, CASE WHEN hour < %(since)s THEN 'before' WHEN hour >= %(comparable)s THEN 'running' ELSE 'full' END AS part,
    CASE WHEN hour >= %(since)s THEN date_trunc(%(step)s, hour, 'UTC') END AS bucket
  FROM cases_hourlyfigures
  WHERE hour >= %(since)s AND hour < %(until)s OR hour >= %(before_since)s AND hour < %(before_until)s
) AS figures
GROUP BY GROUPING SETS ((part, bucket, currency), (part, policy_version), (part, model_version))
"""  # noqa: S608 - names of columns


def _payments(span: Span, *, currency: str, main_currency: str) -> Payments:
    values: dict[str, Any] = {
        "since": span.since,
        "until": span.until,
        "comparable": span.comparable_until,
        "before_since": span.before_since,
        "before_until": span.before_until,
        "step": span.step,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAYMENTS, values)
        rows = cursor.fetchall()
    by_currency: dict[str, int] = {}
    for row in rows:
        if row[2] is not None and row[0] != "before":
            by_currency[row[2]] = by_currency.get(row[2], 0) + sum(row[6:9])
    shown = _currency_of(by_currency, wanted=currency, main=main_currency)
    mine = [(part, bucket, Sums(*sums)) for part, bucket, named, _, _, _, *sums in rows if named == shown]
    buckets: dict[datetime, Sums] = {}
    for part, bucket, sums in mine:
        if part != "before":
            at = bucket.astimezone(UTC)
            buckets[at] = buckets.get(at, Sums()) + sums
    return Payments(
        currency=shown,
        currencies=sorted({shown, *by_currency}, key=lambda name: (name != main_currency, name)),
        buckets=buckets,
        all=total(buckets.values()),
        comparable=total(sums for part, _, sums in mine if part == "full"),
        before=total(sums for part, _, sums in mine if part == "before"),
        changes=_changes(rows),
    )


def _currency_of(payments: dict[str, int], *, wanted: str, main: str) -> str:
    if wanted or main in payments or not payments:
        return wanted or main
    return max(payments, key=lambda name: (payments[name], name))


def _changes(rows: Sequence[tuple[Any, ...]]) -> list[Change]:
    """Versions that decided for the first time within the span; those it began with are no change."""
    found = []
    for column, what in ((3, "policy"), (4, "model")):
        first: dict[Any, datetime] = {}
        known = set()
        for row in rows:
            version = row[column]
            if version is not None and row[2] is None:
                known |= {version} if row[0] == "before" else set()
                first[version] = min(first.get(version, row[5]), row[5])
        began = min(first.values(), default=None)
        found += [
            Change(hour.astimezone(UTC), f"{what} {version or 'none'}")
            for version, hour in first.items()
            if version not in known and hour != began
        ]
    return sorted(found, key=lambda change: (change.hour, change.text))


_COUNTS = ("verdicts", "frauds", "legitimate", "in_time", "skipped", "handled_seconds")
_TIMES = ("first_looks", "verdict_times", "handling_times")


def _added(column: str) -> str:
    """SQL that adds arrays up place by place."""
    return f"ARRAY[{', '.join(f'sum({column}[{place}])' for place in range(1, durations.CLASSES + 1))}]::bigint[]"


_WORK = f"""
SELECT is_before, analyst_id, {", ".join(map(_sum, _COUNTS))}, {", ".join(map(_added, _TIMES))}
FROM (SELECT *, day < %(first)s AS is_before FROM cases_deskfigures WHERE day >= %(before)s AND day <= %(last)s) AS work
GROUP BY is_before, analyst_id
"""  # noqa: S608 - names of columns
_WORK_BY_DAY = """
SELECT day, sum(handled_seconds)::bigint, coalesce(sum(verdicts) FILTER (WHERE analyst_id IS NOT NULL), 0)::bigint
FROM cases_deskfigures WHERE day >= %s AND day <= %s GROUP BY day
"""


def _desk(span: Span) -> Desk:
    before = span.first - timedelta(days=span.days)
    with connection.cursor() as cursor:
        cursor.execute(_WORK, {"before": before, "first": span.first, "last": span.last})
        rows = cursor.fetchall()
        cursor.execute(_WORK_BY_DAY, [before, span.last])
        days = {day: DayOfWork(seconds, verdicts) for day, seconds, verdicts in cursor.fetchall()}
    users = User.objects.in_bulk({analyst_id for is_before, analyst_id, *_ in rows if analyst_id and not is_before})
    people = [
        replace(Work(*work), analyst=users.get(analyst_id)) for is_before, analyst_id, *work in rows if not is_before
    ]
    people.sort(key=lambda work: (-work.verdicts, -work.skipped, work.analyst.username if work.analyst else ""))
    before_all = together([Work(*work) for is_before, _, *work in rows if is_before])
    return Desk(all=together(people), before=before_all, people=people, days=days)


_RULES = """
SELECT code, coalesce(sum(hits) FILTER (WHERE day >= %(first)s), 0)::bigint,
  coalesce(sum(hits) FILTER (WHERE day < %(first)s AND day >= %(before)s), 0)::bigint,
  coalesce(sum(frauds) FILTER (WHERE day >= %(first)s), 0)::bigint,
  coalesce(sum(legitimate) FILTER (WHERE day >= %(first)s), 0)::bigint, max(last_hit_at),
  array_agg(((day - %(first)s) * %(points)s / %(days)s) ORDER BY day) FILTER (WHERE day >= %(first)s),
  array_agg(hits ORDER BY day) FILTER (WHERE day >= %(first)s)
FROM cases_rulefigures WHERE day > %(earliest)s AND day <= %(last)s GROUP BY code
"""


def _rules(span: Span) -> list[RuleRow]:
    """Of the live policy all, and whatever else met something; the busiest first."""
    points = min(span.days, _SPARK_POINTS)
    values: dict[str, Any] = {
        "first": span.first,
        "last": span.last,
        "before": span.first - timedelta(days=span.days),
        "earliest": span.last - _RULES_LOOK_BACK,
        "points": points,
        "days": span.days,
    }
    known = {rule.code: rule for rule in Rule.objects.filter(policy__status=Policy.Status.LIVE)}
    with connection.cursor() as cursor:
        cursor.execute(_RULES, values)
        found = {code: _rule_row(known.get(code), code, numbers, points) for code, *numbers in cursor.fetchall()}
    rows = [row for row in found.values() if row.hits or row.before or row.code in known]
    rows += [_rule_row(rule, code, [0, 0, 0, 0, None, None, None], points) for code, rule in known.items()
             if code not in found]  # fmt: skip
    alarms: dict[str, list[RuleAlarm]] = {}
    for alarm in RuleAlarm.objects.filter(closed_at=None).order_by("kind"):
        alarms.setdefault(alarm.code, []).append(alarm)
    rows = [replace(row, alarms=alarms.get(row.name, ())) for row in rows]
    return sorted(rows, key=lambda row: (-row.hits, row.code))


def _rule_row(rule: Rule | None, code: str, numbers: Sequence[Any], points: int) -> RuleRow:
    hits, before, frauds, legitimate, last_hit_at, places, counts = numbers
    by_point = [0] * points
    for place, count in zip(places or [], counts or [], strict=True):
        by_point[place] += count
    is_list = bool(list_of(code))
    return RuleRow(
        code=title_of(code),
        words=_PLACES.sub("…", rule.words) if rule else "",
        state="list" if is_list else "gone" if rule is None else "live" if rule.is_enabled else "off",
        hits=hits,
        before=before,
        precision=Share(frauds, frauds + legitimate),
        last_hit_at=last_hit_at,
        spark=sparkline.sparkline(by_point),
        name=code,
    )


def _backlog() -> Backlog | None:
    newest = BacklogFigures.objects.order_by("-hour").first()
    if newest is None:
        return None
    return Backlog(newest.taken_at, newest.open, newest.overdue, newest.due_soon, newest.by_age)


_BACKLOG = """
SELECT DISTINCT ON (date_trunc(%(step)s, hour, 'UTC')) date_trunc(%(step)s, hour, 'UTC'), open
FROM cases_backlogfigures WHERE hour >= %(since)s AND hour < %(until)s
ORDER BY date_trunc(%(step)s, hour, 'UTC'), hour DESC
"""


def _backlog_history(span: Span) -> dict[datetime, int]:
    """Open cases at the end of each hour or day that was looked at."""
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, {"step": span.step, "since": span.since, "until": span.until})
        return {bucket.astimezone(UTC): count for bucket, count in cursor.fetchall()}
