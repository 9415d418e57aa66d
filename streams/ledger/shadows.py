"""What versions and models in shadow have counted, beside the decisions they were to be asked about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import connection

from scoring.models import ModelVersion, Outbox, Policy
from scoring.services.policy import IN_SHADOW
from scoring.services.shadow import NOT_JUDGED, in_shadow_since
from streams.ledger.log import Span
from streams.ledger.report import Check

# Who decides hears within seconds that something is in shadow: payments of that time may be counted or not.
HEARD_WITHIN = timedelta(seconds=30)
_DAY = timedelta(days=1)
# Figures are by day, so days are compared whole. In one statement: it sees decisions, outbox and figures alike.
_DIFFERENT = """
WITH waiting AS (
  SELECT unnest(ids) AS id FROM scoring_outbox WHERE topic = %(topic)s
), decided AS (
  SELECT (decided_at AT TIME ZONE 'UTC')::date AS day, count(*) AS most,
    count(*) FILTER (WHERE decided_at >= %(sure)s) AS least
  FROM scoring_decision AS decision
  WHERE decided_at >= %(since)s AND decided_at < %(until)s AND NOT starts_with(source, 'file:')
    AND NOT EXISTS (SELECT FROM waiting WHERE waiting.id = decision.id)
  GROUP BY 1
), counted AS (
  {counted}
), judged AS (
  SELECT day, sum(payments) AS payments FROM counted
  WHERE day >= (%(since)s AT TIME ZONE 'UTC')::date AND day < (%(until)s AT TIME ZONE 'UTC')::date GROUP BY day
)
SELECT day, coalesce(payments, 0), coalesce(least, 0), coalesce(most, 0) FROM decided FULL JOIN judged USING (day)
ORDER BY day
"""
_BY_VERSION = """
  SELECT day, payments FROM scoring_shadowfigures WHERE policy_id = %(id)s
  UNION ALL
  SELECT day, failures FROM scoring_shadowrulefigures WHERE policy_id = %(id)s AND code = %(not_judged)s
"""
_BY_MODEL = "SELECT day, payments FROM scoring_shadowmodelfigures WHERE model_id = %(id)s"


@dataclass(frozen=True)
class _Tried:
    """What is in shadow since when. counted: SQL of its days and their payments."""

    id: int
    name: str
    since: datetime
    topic: str
    counted: str


def check_shadows(check: Check, span: Span) -> None:
    """Each decision is counted once by each version and model that was in shadow then, and is still.

    Those that have left it are not looked at: what was on its way to them when they left they were not asked about.
    """
    for tried in (*_versions(), *_models()):
        _check(check, span, tried)


def _versions() -> Iterator[_Tried]:
    for version in Policy.objects.filter(status__in=IN_SHADOW).order_by("version"):
        name, since = f"version {version.version}", in_shadow_since(version)
        yield _Tried(version.id, name, since, Outbox.Topic.SHADOW, _BY_VERSION)


def _models() -> Iterator[_Tried]:
    shadowed = ModelVersion.objects.filter(stage=ModelVersion.Stage.SHADOW).order_by("id")
    for number, version, since in shadowed.values_list("id", "version", "stage_since"):
        yield _Tried(number, f"model {version}", since, Outbox.Topic.SHADOW_MODELS, _BY_MODEL)


def _check(check: Check, span: Span, tried: _Tried) -> None:
    first, last = span.since or tried.since, span.until or datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENT.format(counted=tried.counted), {
            "id": tried.id, "topic": tried.topic, "not_judged": NOT_JUDGED, "sure": tried.since + HEARD_WITHIN,
            "since": max(tried.since, _midnight(first)), "until": _midnight(last) + _DAY,
        })  # fmt: skip
        for day, counted, least, most in cursor.fetchall():
            check.count("decisions judged in shadow", int(counted))
            if not least <= counted <= most:
                wanted = least if counted < least else most
                words = f"{tried.name}, in shadow, counts {counted} payments of {day} and not {wanted}"
                check.fault(words, number=abs(int(counted) - wanted))


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
