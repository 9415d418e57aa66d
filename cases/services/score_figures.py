"""Counts payments by score, amount and label, a day at a time, once the day is over and again when it changes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from cases.models import ScoreDay
from cases.services.figures_sql import LABEL
from scoring.services.locks import try_lock
from scoring.thresholds import AMOUNTS, THRESHOLDS

_LOCK = "figures of scores"
# Longer than this one call does not begin another day: the clock calls again.
_BUDGET_SECONDS = 120.0
# Labels come one by one, for many days: each day is counted again at most so often.
RECOUNT_AFTER = timedelta(hours=1)

_MARK = """
INSERT INTO cases_scoreday (day, changes, counted) SELECT unnest(%s::date[]), 1, 0
ON CONFLICT (day) DO UPDATE SET changes = cases_scoreday.changes + 1
"""


def mark_days(days: Iterable[date]) -> None:
    """Have days counted again whose payments or labels changed. Others may be counting them: none waits."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [sorted(set(days))])


def count_scores(*, now: datetime, again_after: timedelta = RECOUNT_AFTER) -> int | None:
    """Count the days before today that changed since they were counted; None while another process does it.

    A day that was counted less than `again_after` ago waits. Returns how many it counted. Each day is one
    transaction; what a crash or the time leaves is done by the next call.
    """
    with try_lock(_LOCK) as is_ours:
        if not is_ours:
            return None
        _meet_days()
        began, counted = monotonic(), 0
        for day in _days_to_count(now, again_after):
            _count_day(day, now)
            counted += 1
            if monotonic() - began > _BUDGET_SECONDS:
                break
        return counted


_MEET = """
INSERT INTO cases_scoreday (day, changes, counted)
SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date, 1, 0 FROM cases_hourlyfigures ON CONFLICT DO NOTHING
"""


def _meet_days() -> None:
    """Days that were counted for the dashboard before this count began to follow it."""
    with connection.cursor() as cursor:
        cursor.execute(_MEET)


def _days_to_count(now: datetime, again_after: timedelta) -> list[date]:
    """The youngest first: these are asked for."""
    stale = ScoreDay.objects.filter(counted__lt=F("changes"), day__lt=now.astimezone(UTC).date())
    is_due = Q(counted_at=None) | Q(counted_at__lte=now - again_after)
    return list(stale.filter(is_due).order_by("-day").values_list("day", flat=True))


# The severest of what rules, their points and lists asked for, by the version each payment was decided with: what
# `decisioning.judge` says of a payment without a score. Of most payments none is asked about.
_ASKED = """
LEFT JOIN LATERAL (
  SELECT policy.review_points, policy.decline_points,
    bool_or(rule.outcome = 'decline') AS declined, bool_or(rule.outcome = 'review') AS reviewed,
    coalesce(sum(rule.points), 0) AS points
  FROM scoring_policy AS policy LEFT JOIN scoring_rule AS rule
    ON rule.policy_id = policy.id AND rule.code = ANY(decision.rule_hits)
  WHERE policy.version = decision.policy_version AND decision.rule_hits <> '{}'
  GROUP BY policy.id
) AS rules ON decision.rule_hits <> '{}'
LEFT JOIN LATERAL (
  SELECT bool_or(effect = 'decline') AS declined, bool_or(effect = 'review') AS reviewed,
    bool_or(effect = 'approve') AS approved
  FROM scoring_policy AS policy JOIN scoring_policylist AS named ON named.policy_id = policy.id
  WHERE policy.version = decision.policy_version
    AND EXISTS (SELECT FROM unnest(decision.rule_hits) AS hit WHERE starts_with(hit, named.list || '_list:'))
) AS lists ON decision.rule_hits <> '{}'
"""
_COUNT = f"""
INSERT INTO cases_scorefigures (day, currency, model_version, amount_class, score_class, asked, payments, amount, score,
  stake, frauds, fraud_amount, unknown, unknown_score)
SELECT %(day)s, currency, model_version, amount_class, score_class, asked, count(*), sum(amount),
  coalesce(sum(score), 0), coalesce(round(sum(amount::float8 * score)::numeric, 4), 0),
  count(*) FILTER (WHERE label = 'fraud'), coalesce(sum(amount) FILTER (WHERE label = 'fraud'), 0),
  count(*) FILTER (WHERE label IS NULL AND outcome = 'decline'),
  coalesce(sum(score) FILTER (WHERE label IS NULL AND outcome = 'decline'), 0)
FROM (
  SELECT currency, model_version, amount, score, outcome, believed.label,
    width_bucket(amount, %(amounts)s::numeric[]) AS amount_class,
    width_bucket(score, %(thresholds)s::float8[]) AS score_class,
    CASE
      WHEN decision.rule_hits = '{{}}' AND decision.rule_failures = '{{}}' THEN 0
      WHEN lists.declined THEN 2
      WHEN lists.approved THEN 3
      WHEN rules.declined OR rules.points >= rules.decline_points THEN 2
      WHEN rules.reviewed OR rules.points >= rules.review_points OR lists.reviewed
        OR decision.rule_failures <> '{{}}' THEN 1
      ELSE 0
    END AS asked
  FROM scoring_decision AS decision {LABEL} {_ASKED}
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s
) AS payment
GROUP BY currency, model_version, amount_class, score_class, asked
"""  # noqa: S608 - constants only


def _count_day(day: date, now: datetime) -> None:
    """What is marked while this counts is counted again: `counted` says how far it was when this began."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    values: dict[str, Any] = {
        "day": day,
        "since": since,
        "until": since + timedelta(days=1),
        "amounts": list(AMOUNTS),
        "thresholds": list(THRESHOLDS),
    }
    changes = ScoreDay.objects.values_list("changes", flat=True).get(day=day)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_scorefigures WHERE day = %s", [day])
        cursor.execute(_COUNT, values)
        ScoreDay.objects.filter(day=day).update(counted=changes, counted_at=now)
