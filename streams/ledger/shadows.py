"""What versions in shadow have counted, beside the decisions they were to be asked about."""

from datetime import UTC, datetime, time, timedelta

from django.db import connection

from scoring.models import Policy
from scoring.services.policy import IN_SHADOW
from scoring.services.shadow import NOT_JUDGED, in_shadow_since
from streams.ledger.log import Span
from streams.ledger.report import Check

# Who decides hears within seconds that a version is in shadow: payments of that time may be counted or not.
HEARD_WITHIN = timedelta(seconds=30)
_DAY = timedelta(days=1)
# Figures are by day, so days are compared whole. In one statement: it sees decisions, outbox and figures alike.
_DIFFERENT = """
WITH waiting AS (
  SELECT unnest(ids) AS id FROM scoring_outbox WHERE topic = 'shadow'
), decided AS (
  SELECT (decided_at AT TIME ZONE 'UTC')::date AS day, count(*) AS most,
    count(*) FILTER (WHERE decided_at >= %(sure)s) AS least
  FROM scoring_decision AS decision
  WHERE decided_at >= %(since)s AND decided_at < %(until)s AND NOT starts_with(source, 'file:')
    AND NOT EXISTS (SELECT FROM waiting WHERE waiting.id = decision.id)
  GROUP BY 1
), counted AS (
  SELECT day, payments FROM scoring_shadowfigures WHERE policy_id = %(policy)s
  UNION ALL
  SELECT day, failures FROM scoring_shadowrulefigures WHERE policy_id = %(policy)s AND code = %(not_judged)s
), judged AS (
  SELECT day, sum(payments) AS payments FROM counted
  WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND day < (%(until)s AT TIME ZONE 'UTC')::date GROUP BY day
)
SELECT day, coalesce(payments, 0), coalesce(least, 0), coalesce(most, 0) FROM decided FULL JOIN judged USING (day)
ORDER BY day
"""


def check_shadows(check: Check, span: Span) -> None:
    """Each decision is counted once by each version that was in shadow then, and is still.

    Those that have left it are not looked at: what was on its way to them when they left they were not asked about.
    """
    for version in Policy.objects.filter(status__in=IN_SHADOW).order_by("version"):
        since = in_shadow_since(version)
        first, last = span.since or since, span.until or datetime.now(UTC)
        with connection.cursor() as cursor:
            cursor.execute(_DIFFERENT, {
                "policy": version.id, "not_judged": NOT_JUDGED, "sure": since + HEARD_WITHIN,
                "since": max(since, _midnight(first)), "until": _midnight(last) + _DAY,
            })  # fmt: skip
            for day, counted, least, most in cursor.fetchall():
                check.count("decisions judged in shadow", int(counted))
                if not least <= counted <= most:
                    wanted = least if counted < least else most
                    words = f"version {version.version}, in shadow, counts {counted} payments of {day} and not {wanted}"
                    check.fault(words, number=abs(int(counted) - wanted))


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
