"""One rule: what it said in which version, what it met day by day and lately, with whom, its snoozes and alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import Q

from cases.agreement import Share
from cases.charts.chart import Chart, Picture, Series, draw
from cases.charts.scale import short
from cases.models import RuleAlarm, RuleFigures, RuleOverlap
from cases.policy.in_force import title_of
from cases.queries.queues import Desk, case_columns
from cases.queries.related import with_label
from cases.sight import Sight
from scoring.models import Decision, ListEntry, Policy, Rule
from scoring.rules.lists import SNOOZE

CHART_DAYS = 90
_MOST_EXAMPLES, _MOST_ALARMS, _MOST_SNOOZES, _MOST_VERSIONS = 12, 20, 50, 200
# What of a rule makes another rule of it.
_SAID = (
    "name", "expression", "outcome", "points", "reason_code", "words", "owner_id", "tags", "expires_at", "is_enabled",
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A rule as it stood from this version on; `changed` names what is other than before, nothing for the first."""

    rule: Rule
    changed: list[str]


@dataclass(frozen=True)
class Day:
    """Hits of a day: flagged and labelled fraud, flagged and labelled legitimate, flagged without a label, passed."""

    frauds: int
    legitimate: int
    open: int
    passed: int

    @property
    def hits(self) -> int:
        return self.frauds + self.legitimate + self.open + self.passed


@dataclass(frozen=True)
class Overlap:
    """Another rule or list that payments of this one met: how many, and the share of this one's hits."""

    code: str
    title: str
    share: Share


@dataclass(frozen=True)
class RulePage:
    """Everything on the page. `rule` is that of the live version, or the last there was."""

    rule: Rule
    is_live: bool
    versions: list[Version]
    chart: Chart
    days: list[Day]
    overlaps: list[Overlap]
    examples: list[Decision]
    snoozes: list[ListEntry]
    alarms: list[RuleAlarm]

    @property
    def precision(self) -> Share:
        frauds = sum(day.frauds for day in self.days)
        return Share(frauds, frauds + sum(day.legitimate for day in self.days))


class UnknownRuleError(Exception):
    """No version that was ever in force has a rule of this code."""


def rule_page(code: str, *, desk: Desk, sight: Sight, maturity: timedelta, now: datetime) -> RulePage:
    """A fixed number of queries.

    Raises:
        UnknownRuleError: there is no such rule.
    """
    rules = _in_force(code)
    if not rules:
        raise UnknownRuleError(code)
    live = [rule for rule in rules if rule.policy.status == Policy.Status.LIVE]
    today = now.astimezone(UTC).date()
    days = _days(code, today)
    return RulePage(
        rule=(live or rules)[-1],
        is_live=bool(live),
        versions=_versions(rules)[::-1],
        chart=_chart(days, today, maturity),
        days=days,
        overlaps=_overlaps(code, today),
        examples=_examples(code, desk, sight),
        snoozes=_snoozes(code, sight, now),
        alarms=list(
            RuleAlarm.objects.filter(code=code)
            .select_related("acknowledged_by")
            .order_by("-opened_at", "-id")[:_MOST_ALARMS]
        ),
    )


def _in_force(code: str) -> list[Rule]:
    """The rule as it is in each version that was in force, the oldest first."""
    rules = Rule.objects.filter(code=code, policy__published_at__isnull=False)
    people = ("owner", "policy__created_by", "policy__proposed_by", "policy__published_by")
    newest = rules.select_related("policy", *people).order_by("-policy__published_at", "-policy__version")
    return list(newest[:_MOST_VERSIONS])[::-1]


def _versions(rules: Sequence[Rule]) -> list[Version]:
    """Those where it changed, the oldest first."""
    found: list[Version] = []
    before: Rule | None = None
    for rule in rules:
        changed = [name for name in _SAID if before and getattr(rule, name) != getattr(before, name)]
        if before is None or changed:
            found.append(Version(rule, [_WORDS.get(name, name) for name in changed]))
        before = rule
    return found


_WORDS = {
    "expression": "condition",
    "reason_code": "reason",
    "owner_id": "owner",
    "expires_at": "expiry",
    "is_enabled": "switched on or off",
}


def _days(code: str, today: date) -> list[Day]:
    first = today - timedelta(days=CHART_DAYS - 1)
    rows = {row.day: row for row in RuleFigures.objects.filter(code=code, day__gte=first, day__lte=today)}
    found = [rows.get(first + timedelta(days=number)) for number in range(CHART_DAYS)]
    return [
        Day(row.frauds, row.legitimate, row.hits - row.frauds - row.legitimate, row.passed) if row else Day(0, 0, 0, 0)
        for row in found
    ]


def _chart(days: Sequence[Day], today: date, maturity: timedelta) -> Chart:
    dates = [today - timedelta(days=CHART_DAYS - 1 - number) for number in range(CHART_DAYS)]
    names = [f"{day:%-d %b}" for day in dates]
    growing = [number for number, day in enumerate(dates) if day > today - maturity]
    sums = [sum(getattr(day, name) for day in days) for name in ("hits", "frauds", "legitimate")]
    return draw(
        Picture(
            name="hits",
            title="Hits a day",
            words=f"{sums[0]:,} hits in {CHART_DAYS} days, {sums[1]:,} labelled fraud, {sums[2]:,} legitimate",
            columns=names,
            ticks=names,
            series=[
                Series("fraud", "fraud", [float(day.frauds) for day in days]),
                Series("legitimate", "legit", [float(day.legitimate) for day in days]),
                Series("no label", "edge", [float(day.open) for day in days]),
                Series("let through", "accent", [float(day.passed) for day in days]),
            ],
            on_axis=short,
            header=["", "Fraud", "Legitimate", "No label", "Let through"],
            rows=[
                (name, f"{day.frauds:,}", f"{day.legitimate:,}", f"{day.open:,}", f"{day.passed:,}")
                for name, day in zip(names, days, strict=True)
            ],
            shaded_from=growing[0] if growing else None,
            least_step=1.0,
        )
    )


_HITS_OF_A_MONTH = """
SELECT coalesce(sum(hits + passed), 0)::bigint FROM cases_rulefigures WHERE code = %s AND day > %s AND day <= %s
"""


def _overlaps(code: str, today: date) -> list[Overlap]:
    with connection.cursor() as cursor:
        cursor.execute(_HITS_OF_A_MONTH, [code, today - timedelta(days=30), today])
        (hits,) = cursor.fetchone()
    rows = RuleOverlap.objects.filter(code=code).order_by("place")
    return [Overlap(row.other, title_of(row.other), Share(min(row.hits, hits), hits)) for row in rows]


# Only the hours that are known to have a hit are looked into, from the last one on.
_LAST_IDS = """
SELECT hit.id FROM (
  SELECT hour FROM cases_rulehours WHERE code = %(code)s AND last_hit_at IS NOT NULL ORDER BY hour DESC LIMIT %(most)s
) AS hours CROSS JOIN LATERAL (
  SELECT id, occurred_at FROM scoring_decision
  WHERE occurred_at >= hours.hour AND occurred_at < hours.hour + interval '1 hour' AND rule_hits <> '{}'
    AND rule_hits @> ARRAY[%(code)s]::varchar[]
  ORDER BY occurred_at DESC LIMIT %(most)s
) AS hit ORDER BY hit.occurred_at DESC LIMIT %(most)s
"""


def _examples(code: str, desk: Desk, sight: Sight) -> list[Decision]:
    """The last payments that met it, with their label and the case if the user sees it."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_IDS, {"code": code, "most": _MOST_EXAMPLES})
        ids = [row[0] for row in cursor.fetchall()]
    payments = with_label(Decision.objects.filter(id__in=ids)).annotate(**case_columns(desk))
    found = list(payments.order_by("-occurred_at", "-id"))
    sight.mask_payments(found)
    return found


def _snoozes(code: str, sight: Sight, now: datetime) -> list[ListEntry]:
    entries = ListEntry.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), list__name=f"{SNOOZE}{code}")
    return sight.leave_out_told(entries.select_related("author").order_by("-id")[:_MOST_SNOOZES])
