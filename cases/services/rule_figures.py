"""Counts what rules and lists met, for the figures of the desk and the health of rules."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from cases.services.figures_sql import IS_RELEASED, LABEL

DAY = timedelta(days=1)
# Overlap is told of so many days, with so many others of each rule.
OVERLAP_DAYS, OVERLAP_PLACES = 30, 10

# `alone`: nothing else would have flagged the payment, neither the score nor a rule that failed, another rule or list
# that asks for it, or the points of the others. What a version did not know (any more) counts as asking for review.
_COUNT_HOURS = f"""
WITH payment AS (
  SELECT decision.id, date_trunc('hour', occurred_at, 'UTC') AS hour, occurred_at, outcome <> 'approve' AS flagged,
    rule_hits, believed.label, policy.id AS policy_id, policy.review_points,
    rule_failures <> '{{}}' OR coalesce(
      score >= coalesce(band.review_threshold, policy.review_threshold), false) AS flagged_anyway
  FROM scoring_decision AS decision {LABEL}
  LEFT JOIN scoring_policy AS policy ON policy.version = decision.policy_version
  LEFT JOIN LATERAL (
    SELECT review_threshold FROM scoring_thresholdband AS band
    WHERE band.policy_id = policy.id AND band.currency = decision.currency AND band.from_amount <= decision.amount
    ORDER BY from_amount DESC LIMIT 1
  ) AS band ON true
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND rule_hits <> '{{}}'
), met AS (
  SELECT payment.*, hit.code, coalesce(rule.points, 0) AS points,
    (coalesce(rule.outcome, list.effect, 'review') IN ('review', 'decline'))::int AS asks
  FROM payment CROSS JOIN LATERAL (SELECT DISTINCT unnest(rule_hits) AS code) AS hit
  LEFT JOIN scoring_rule AS rule ON rule.policy_id = payment.policy_id AND rule.code = hit.code
  LEFT JOIN scoring_policylist AS list ON list.policy_id = payment.policy_id
    AND hit.code LIKE '%%\\_list:%%' AND list.list = split_part(hit.code, '_list:', 1)
), told AS (
  SELECT hour, code, flagged, label, occurred_at, flagged AND NOT flagged_anyway
    AND sum(asks) OVER payments - asks = 0
    AND coalesce(sum(points) OVER payments - points < review_points, true) AS alone
  FROM met WINDOW payments AS (PARTITION BY id)
), counted AS (
  SELECT hour, code, count(*) FILTER (WHERE flagged) AS flagged,
    count(*) FILTER (WHERE flagged AND label = 'fraud') AS frauds,
    count(*) FILTER (WHERE flagged AND label = 'legitimate') AS legitimate,
    count(*) FILTER (WHERE NOT flagged) AS passed,
    count(*) FILTER (WHERE NOT flagged AND label = 'fraud') AS passed_frauds,
    count(*) FILTER (WHERE NOT flagged AND label = 'legitimate') AS passed_legitimate,
    count(*) FILTER (WHERE alone) AS alone, max(occurred_at) AS last_hit_at
  FROM told GROUP BY hour, code
), failed AS (
  SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, code, count(*) AS failures
  FROM scoring_decision CROSS JOIN LATERAL (SELECT DISTINCT unnest(rule_failures) AS code) AS failure
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND rule_failures <> '{{}}' GROUP BY 1, 2
)
INSERT INTO cases_rulehours (hour, code, flagged, frauds, legitimate, passed, passed_frauds, passed_legitimate, alone,
  failures, last_hit_at)
SELECT hour, code, coalesce(flagged, 0), coalesce(frauds, 0), coalesce(legitimate, 0), coalesce(passed, 0),
  coalesce(passed_frauds, 0), coalesce(passed_legitimate, 0), coalesce(alone, 0), coalesce(failures, 0), last_hit_at
FROM counted FULL JOIN failed USING (hour, code)
"""  # noqa: S608 - constants only
_COUNT_DAY = """
INSERT INTO cases_rulefigures (day, code, hits, frauds, legitimate, passed, passed_frauds, passed_legitimate, alone,
  failures, last_hit_at)
SELECT %(day)s, code, sum(flagged), sum(frauds), sum(legitimate), sum(passed), sum(passed_frauds),
  sum(passed_legitimate), sum(alone), sum(failures), max(last_hit_at)
FROM cases_rulehours WHERE hour >= %(since)s AND hour < %(until)s GROUP BY code
"""
_COUNT_MONEY = f"""
INSERT INTO cases_rulemoney (day, code, currency, stopped, false_alarms)
SELECT %(day)s, code, currency, coalesce(sum(amount) FILTER (WHERE label = 'fraud' AND NOT is_released), 0),
  coalesce(sum(amount) FILTER (WHERE label = 'legitimate'), 0)
FROM (
  SELECT rule_hits, currency, amount, believed.label, {IS_RELEASED} AS is_released
  FROM scoring_decision AS decision {LABEL}
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND outcome IN ('review', 'decline')
    AND rule_hits <> '{{}}' AND believed.label IS NOT NULL
) AS payment CROSS JOIN LATERAL (SELECT DISTINCT unnest(rule_hits) AS code) AS hit
GROUP BY code, currency
"""  # noqa: S608 - constants only
_COUNT_PAIRS = """
INSERT INTO cases_rulepairs (day, code, other, hits)
SELECT %(day)s, one.code, other.code, count(*)
FROM (
  SELECT ARRAY(SELECT DISTINCT unnest(rule_hits)) AS codes FROM scoring_decision
  WHERE occurred_at >= %(since)s AND occurred_at < %(until)s AND rule_hits <> '{}' AND cardinality(rule_hits) > 1
) AS payment CROSS JOIN unnest(codes) AS one (code) CROSS JOIN unnest(codes) AS other (code)
WHERE one.code < other.code GROUP BY one.code, other.code
"""
_COUNT_OVERLAP = """
INSERT INTO cases_ruleoverlap (code, place, other, hits)
SELECT code, place, other, hits FROM (
  SELECT code, other, sum(hits) AS hits, row_number() OVER (PARTITION BY code ORDER BY sum(hits) DESC, other) AS place
  FROM (
    SELECT code, other, hits, day FROM cases_rulepairs UNION ALL SELECT other, code, hits, day FROM cases_rulepairs
  ) AS pairs
  WHERE day > (SELECT max(day) FROM cases_rulefigures) - %(days)s GROUP BY code, other
) AS placed WHERE place <= %(places)s
"""


def count_rule_hours(since: datetime, until: datetime) -> None:
    """Count some whole hours again, in the caller's transaction. Idempotent."""
    times = {"since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_rulehours WHERE hour >= %(since)s AND hour < %(until)s", times)
        cursor.execute(_COUNT_HOURS, times)


def count_rule_days(days: Sequence[date]) -> None:
    """Add up days whose hours have changed, each in a transaction of its own, and then the overlap. Idempotent."""
    for day in days:
        since = datetime(day.year, day.month, day.day, tzinfo=UTC)
        values = {"day": day, "since": since, "until": since + DAY}
        with transaction.atomic(), connection.cursor() as cursor:
            for table, count in _BY_DAY.items():
                cursor.execute(f"DELETE FROM {table} WHERE day = %s", [day])  # noqa: S608 - names of tables
                cursor.execute(count, values)
    if days:
        _count_overlap()


_BY_DAY = {"cases_rulefigures": _COUNT_DAY, "cases_rulemoney": _COUNT_MONEY, "cases_rulepairs": _COUNT_PAIRS}


def _count_overlap() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_ruleoverlap")
        cursor.execute(_COUNT_OVERLAP, {"days": OVERLAP_DAYS, "places": OVERLAP_PLACES})
