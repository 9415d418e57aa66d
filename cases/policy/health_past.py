"""Reads the past of rules, as their alarms look at it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from cases.policy.health_signs import LOOK_BACK_HOURS, Labels, Past
from cases.policy.in_force import InForce, began, list_of

HOUR = timedelta(hours=1)
# Recent precision is that of two weeks, compared with what is counted before them.
RECENT_DAYS, FORMER_DAYS = 14, 90

_PAYMENTS = """
SELECT array_agg(column_of), array_agg(payments) FROM (
  SELECT (extract(epoch FROM hour - %(begin)s) / 3600)::int AS column_of,
    sum(approved + reviewed + declined)::bigint AS payments
  FROM cases_hourlyfigures WHERE hour >= %(begin)s AND hour <= %(end)s GROUP BY hour
) AS hours
"""
_HITS = """
SELECT code, array_agg((extract(epoch FROM hour - %(begin)s) / 3600)::int), array_agg(flagged + passed)
FROM cases_rulehours WHERE hour >= %(begin)s AND hour <= %(end)s AND flagged + passed > 0 GROUP BY code
"""
_LABELS = """
SELECT code, coalesce(sum(frauds) FILTER (WHERE day > %(recent)s), 0)::bigint,
  coalesce(sum(frauds + legitimate) FILTER (WHERE day > %(recent)s), 0)::bigint,
  coalesce(sum(hits) FILTER (WHERE day > %(recent)s), 0)::bigint,
  coalesce(sum(frauds) FILTER (WHERE day <= %(recent)s), 0)::bigint,
  coalesce(sum(frauds + legitimate) FILTER (WHERE day <= %(recent)s), 0)::bigint,
  coalesce(sum(hits) FILTER (WHERE day <= %(recent)s), 0)::bigint
FROM cases_rulefigures WHERE day > %(former)s AND day <= %(today)s GROUP BY code
"""
# The newest failures: of a rule that fails always, so many tell as much as all.
_FAILURES = """
SELECT code, count(*), max(decided_at), (array_agg(transaction_id ORDER BY decided_at DESC, id DESC))[1]
FROM (
  SELECT id, decided_at, transaction_id, rule_failures FROM scoring_decision
  WHERE decided_at > %s AND rule_failures <> '{}' ORDER BY decided_at DESC LIMIT 50000
) AS failed CROSS JOIN LATERAL (SELECT DISTINCT unnest(rule_failures) AS code) AS failure
GROUP BY code
"""


def pasts_of(found: InForce, *, now: datetime) -> dict[str, Past]:
    """The last 29 days of whatever is in force and was met in them, by code."""
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begin = end - (LOOK_BACK_HOURS - 1) * HOUR
    since = began(found, after=begin)
    with connection.cursor() as cursor:
        cursor.execute(_PAYMENTS, {"begin": begin, "end": end})
        payments = _by_hour(*cursor.fetchone())
        cursor.execute(_HITS, {"begin": begin, "end": end})
        rows = cursor.fetchall()
    begin_of_week = begin.weekday() * 24 + begin.hour
    return {
        code: Past(_by_hour(*hits), payments, begin_of_week, _column(since.get(list_of(code) or code), begin))
        for code, *hits in rows
        if found.is_asked(code, at=now)
    }


def _by_hour(columns: Sequence[int] | None, numbers: Sequence[int] | None) -> NDArray[np.int64]:
    by_hour = np.zeros(LOOK_BACK_HOURS, np.int64)
    by_hour[list(columns or ())] = list(numbers or ())
    return by_hour


def _column(since: datetime | None, begin: datetime) -> int:
    """The first whole hour in force."""
    return 0 if since is None else max(0, min(LOOK_BACK_HOURS, -((begin - since) // HOUR)))


def labels_of(*, now: datetime) -> dict[str, tuple[Labels, Labels]]:
    """Of the flagged payments each rule met: those of the last two weeks, and of the time before."""
    today = now.astimezone(UTC).date()
    values = {
        "today": today,
        "recent": today - timedelta(days=RECENT_DAYS),
        "former": today - timedelta(days=FORMER_DAYS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LABELS, values)
        return {code: (Labels(*numbers[:3]), Labels(*numbers[3:])) for code, *numbers in cursor.fetchall()}


def failures_since(moment: datetime) -> list[tuple[str, int, datetime, str]]:
    """Code, payments it could not be computed for (of the newest 50,000), the last one's time and transaction id."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES, [moment])
        return list(cursor.fetchall())
