"""The health of all rules and lists in force, in a fixed number of queries whatever the record holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Q

from cases.agreement import Share
from cases.charts import sparkline
from cases.dashboard.tiles import Costs
from cases.models import RuleAlarm, RuleOverlap
from cases.policy.health_table import EXPIRING_WITHIN, RuleHealth
from cases.policy.in_force import OF_LIST, InForce, list_of, title_of, what_is_in_force
from scoring.models import ListEntry, Policy, Rule
from scoring.rules.lists import SNOOZE

_SPARK_DAYS, _LONGEST = 30, 90


@dataclass(frozen=True)
class RulesPage:
    """Every rule and list in force, the open alarms (the newest first), and what money is told in."""

    policy: Policy | None
    rows: list[RuleHealth]
    alarms: list[RuleAlarm]
    currency: str
    currencies: list[str]
    mature_days: int


@dataclass(frozen=True)
class Money:
    """Fraud stopped by code in `currency`, and the others that there are."""

    currency: str
    currencies: list[str]
    stopped: dict[str, Decimal]


def rules_page(*, days: int, currency: str, costs: Costs, maturity: timedelta, now: datetime) -> RulesPage:
    """Over the last `days` days (UTC), today included. Without a currency that of the costs, or the busiest."""
    found = what_is_in_force()
    today = now.astimezone(UTC).date()
    alarms = open_alarms()
    figures = _figures(today, days, today - maturity)
    codes = [*found.rules, *_codes_of_lists(found, figures)]
    money = _money(today, days, currency=currency, main=costs.currency)
    told = _Told(
        found=found,
        figures=figures,
        alarms=alarms,
        last_hits=_last_hits(codes),
        overlaps=_overlaps(),
        snoozes=_snoozes(found.rules, now=now),
        stopped=money.stopped,
        review_cost=_review_cost(today, days, costs),
        false_alarm_cost=costs.false_positive,
        now=now,
    )
    rows = [_row(told, code) for code in codes]
    return RulesPage(found.policy, rows, alarms, money.currency, money.currencies, max(0, days - maturity.days))


def open_alarms() -> list[RuleAlarm]:
    """The newest first; those that nobody looks after before the others."""
    alarms = RuleAlarm.objects.filter(closed_at=None).select_related("acknowledged_by")
    return sorted(alarms.order_by("-opened_at", "-id"), key=lambda alarm: alarm.acknowledged_at is not None)


def count_unseen_alarms(user: User) -> int | None:
    """Open alarms that nobody looks after yet; None for who may not see policies."""
    if not user.has_perm("scoring.view_policy"):
        return None
    return RuleAlarm.objects.filter(closed_at=None, acknowledged_at=None).count()


_FIGURES = """
SELECT code, coalesce(sum(hits + passed) FILTER (WHERE day > %(today)s - 7), 0)::bigint,
  coalesce(sum(hits + passed) FILTER (WHERE day > %(today)s - 30), 0)::bigint, sum(hits + passed)::bigint,
  coalesce(sum(hits) FILTER (WHERE day > %(before)s), 0)::bigint,
  coalesce(sum(frauds) FILTER (WHERE day > %(before)s), 0)::bigint,
  coalesce(sum(legitimate) FILTER (WHERE day > %(before)s), 0)::bigint,
  coalesce(sum(passed_frauds) FILTER (WHERE day > %(before)s AND day < %(mature)s), 0)::bigint,
  coalesce(sum(passed) FILTER (WHERE day > %(before)s AND day < %(mature)s), 0)::bigint,
  coalesce(sum(hits + passed) FILTER (WHERE day > %(before)s AND day < %(mature)s), 0)::bigint,
  coalesce(sum(hits + passed) FILTER (WHERE day > %(before)s), 0)::bigint,
  coalesce(sum(alone) FILTER (WHERE day > %(before)s), 0)::bigint,
  coalesce(sum(failures) FILTER (WHERE day > %(before)s), 0)::bigint,
  array_agg(%(today)s - day) FILTER (WHERE day > %(today)s - %(spark)s),
  array_agg(hits + passed) FILTER (WHERE day > %(today)s - %(spark)s)
FROM cases_rulefigures WHERE day > %(today)s - %(longest)s AND day <= %(today)s GROUP BY code
"""


@dataclass(frozen=True)
class _Figures:
    week: int = 0
    month: int = 0
    quarter: int = 0
    flagged: int = 0
    frauds: int = 0
    legitimate: int = 0
    passed_frauds: int = 0
    passed_mature: int = 0
    mature: int = 0
    hits: int = 0
    alone: int = 0
    failures: int = 0
    days_ago: list[int] | None = None
    counts: list[int] | None = None

    @property
    def spark(self) -> str:
        by_day = [0] * _SPARK_DAYS
        for ago, count in zip(self.days_ago or (), self.counts or (), strict=True):
            by_day[-1 - ago] = count
        return sparkline.sparkline(by_day)


_NOTHING = _Figures()


def _figures(today: date, days: int, mature: date) -> dict[str, _Figures]:
    values: dict[str, date | int] = {
        "today": today,
        "before": today - timedelta(days=days),
        "mature": mature,
        "spark": _SPARK_DAYS,
        "longest": _LONGEST,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, values)
        return {code: _Figures(*numbers) for code, *numbers in cursor.fetchall()}


def _codes_of_lists(found: InForce, figures: Iterable[str]) -> list[str]:
    """Each list that does something, by what of a payment was met on it; one that nothing met stands alone."""
    met = sorted(code for code in figures if list_of(code) in found.lists)
    return met + [f"{name}{OF_LIST}" for name in found.lists if name not in map(list_of, met)]


# By the index of each code: how long ago a rule was last met, however long that is.
_LAST_HITS = """
SELECT code, (
  SELECT last_hit_at FROM cases_rulehours AS hours
  WHERE hours.code = wanted.code AND last_hit_at IS NOT NULL ORDER BY hour DESC LIMIT 1
) FROM unnest(%s::text[]) AS wanted (code)
"""


def _last_hits(codes: Sequence[str]) -> dict[str, datetime | None]:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_HITS, [list(codes)])
        return dict(cursor.fetchall())


def _overlaps() -> dict[str, tuple[str, int]]:
    rows = RuleOverlap.objects.filter(place=1).values_list("code", "other", "hits")
    return {code: (other, hits) for code, other, hits in rows}


def _snoozes(codes: Iterable[str], *, now: datetime) -> dict[str, int]:
    """How many cards, merchants ... each rule is silent for."""
    names = [f"{SNOOZE}{code}" for code in codes]
    entries = ListEntry.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), list__name__in=names)
    counts = entries.order_by().values_list("list__name").annotate(number=Count("id"))
    return {name.removeprefix(SNOOZE): number for name, number in counts}


_MONEY = """
SELECT currency, code, sum(stopped) FROM cases_rulemoney WHERE day > %s AND day <= %s GROUP BY currency, code
"""


def _money(today: date, days: int, *, currency: str, main: str) -> Money:
    with connection.cursor() as cursor:
        cursor.execute(_MONEY, [today - timedelta(days=days), today])
        rows = cursor.fetchall()
    rules: dict[str, int] = {}
    for named, _, _ in rows:
        rules[named] = rules.get(named, 0) + 1
    shown = currency or (main if main in rules or not rules else max(rules, key=lambda name: (rules[name], name)))
    currencies = sorted({shown, *rules}, key=lambda name: (name != main, name))
    return Money(shown, currencies, {code: stopped for named, code, stopped in rows if named == shown})


_WORK = """
SELECT (
  SELECT coalesce(sum(reviewed + declined), 0)::bigint FROM cases_hourlyfigures
  WHERE hour >= (%(after)s::date + 1)::timestamp AT TIME ZONE 'UTC'
), coalesce(sum(handled_seconds), 0)::bigint, coalesce(sum(verdicts) FILTER (WHERE analyst_id IS NOT NULL), 0)::bigint
FROM cases_deskfigures WHERE day > %(after)s AND day <= %(today)s
"""


def _review_cost(today: date, days: int, costs: Costs) -> Decimal:
    """What review cost the desk for each flagged payment."""
    with connection.cursor() as cursor:
        cursor.execute(_WORK, {"after": today - timedelta(days=days), "today": today})
        flagged, seconds, verdicts = cursor.fetchone()
    return costs.review(seconds=seconds, verdicts=verdicts) / flagged if flagged else Decimal(0)


@dataclass(frozen=True)
class _Told:
    """What was read, most of it by code. `review_cost` is that of one flagged payment."""

    found: InForce
    figures: dict[str, _Figures]
    alarms: list[RuleAlarm]
    last_hits: dict[str, datetime | None]
    overlaps: dict[str, tuple[str, int]]
    snoozes: dict[str, int]
    stopped: dict[str, Decimal]
    review_cost: Decimal
    false_alarm_cost: Decimal
    now: datetime

    def state_of(self, rule: Rule | None) -> str:
        if rule is None:
            return "list"
        is_over = rule.expires_at is not None and rule.expires_at <= self.now
        return "off" if not rule.is_enabled else "expired" if is_over else "live"


def _row(told: _Told, code: str) -> RuleHealth:
    seen, rule = told.figures.get(code, _NOTHING), told.found.rules.get(code)
    other, both = told.overlaps.get(code, ("", 0))
    expires_at = rule.expires_at if rule else None
    return RuleHealth(
        code=code,
        title=title_of(code).removesuffix(": "),
        rule=rule,
        effect=rule.outcome if rule else told.found.lists.get(list_of(code), ""),
        state=told.state_of(rule),
        hits=(seen.week, seen.month, seen.quarter),
        spark=seen.spark,
        flagged=seen.flagged,
        precision=Share(seen.frauds, seen.frauds + seen.legitimate),
        passed=Share(seen.passed_frauds, seen.passed_mature),
        mature=Share(seen.mature, seen.hits),
        alone=seen.alone,
        failures=seen.failures,
        last_hit_at=told.last_hits.get(code),
        overlap_with=title_of(other),
        # Counted up to the last day with payments, the hits up to today: never more than all of them.
        overlap=Share(min(both, seen.month), seen.month),
        stopped=told.stopped.get(code, Decimal(0)),
        cost=told.review_cost * seen.flagged + told.false_alarm_cost * seen.legitimate,
        snoozes=told.snoozes.get(code, 0),
        is_expiring=expires_at is not None and expires_at <= told.now + EXPIRING_WITHIN,
        alarms=[alarm for alarm in told.alarms if alarm.code == code],
    )
