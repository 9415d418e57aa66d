"""Reads of the random audit: what it says of a time, and how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from cases.agreement import FEWEST
from cases.models import AuditDraw, AuditRate, AuditSetting
from scoring.estimates import Estimate, Sample, fraud_rate_of, recall_of
from scoring.queries_labels import believed

HOUR = timedelta(hours=1)
_MOST_SETTINGS = 100


@dataclass(frozen=True)
class Audited:
    """The audited hours of a time: what was drawn in them, and what is known of their other payments.

    `stopped`: flagged frauds; `missed_reported`: approved ones that others than analysts report. The sample has the
    drawn ones without these.
    """

    hours: int
    drawn: int
    stopped: int
    missed_reported: int
    sample: Sample

    @property
    def is_telling(self) -> bool:
        """Whether recall is told by it: with fewer reviews the figure of known frauds says more."""
        return self.sample.reviewed >= FEWEST and self.recall is not None

    @property
    def recall(self) -> Estimate | None:
        return recall_of(self.stopped, known_missed=self.missed_reported, sample=self.sample)

    @property
    def fraud_rate(self) -> Estimate | None:
        """Of the approved payments that nobody has reported."""
        return fraud_rate_of(self.sample)


# Reviewed is what a person has labelled: the clock's own verdicts say nothing, and a report of somebody else comes for
# frauds more often than for others.
_SAMPLE = f"""
SELECT draw.chance, coalesce(believed.label = 'fraud', false), EXISTS (
  {believed("label.decision_id = decision.id AND label.source = 'analyst' AND label.author_id IS NOT NULL")}
), coalesce(believed.label = 'fraud' AND believed.source <> 'analyst', false)
FROM cases_auditdraw AS draw JOIN scoring_decision AS decision ON decision.id = draw.decision_id
JOIN unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS audited (begins, ends)
  ON decision.occurred_at >= audited.begins AND decision.occurred_at < audited.ends
LEFT JOIN LATERAL ({believed("label.decision_id = decision.id")}) AS believed ON true
WHERE decision.currency = %(currency)s
"""  # noqa: S608 - constants only
_SUMS = """
SELECT coalesce(sum(stopped), 0)::bigint, coalesce(sum(missed_reported), 0)::bigint FROM cases_hourlyfigures
JOIN unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS audited (begins, ends)
  ON hour >= audited.begins AND hour < audited.ends
WHERE currency = %(currency)s
"""


def audited_in(since: datetime, until: datetime, *, currency: str) -> Audited | None:
    """What the audit says of payments of these times, by the labels believed now; None without an audited hour."""
    settings = list(AuditSetting.objects.order_by("id").values_list("set_at", "share"))
    stretches = audited_stretches(settings, since, until)
    if not stretches:
        return None
    begins, ends = map(list, zip(*stretches, strict=True))
    values: dict[str, Any] = {"begins": begins, "ends": ends, "currency": currency}
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, values)
        rows = cursor.fetchall()
        cursor.execute(_SUMS, values)
        stopped, missed_reported = cursor.fetchone()
    others = [row for row in rows if not row[3]]
    return Audited(
        hours=sum(int((end - begin) / HOUR) for begin, end in stretches),
        drawn=len(rows),
        stopped=stopped,
        missed_reported=missed_reported,
        sample=Sample(
            np.array([row[0] for row in others], np.float64),
            np.array([row[1] for row in others], bool),
            np.array([row[2] for row in others], bool),
        ),
    )


def audited_stretches(
    settings: Sequence[tuple[datetime, float]], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """Stretches of whole hours of the time in which a share was audited; `settings` have when they were set, and it."""
    found: list[tuple[datetime, datetime]] = []
    for place, (set_at, share) in enumerate(settings, start=1):
        end = settings[place][0] if place < len(settings) else until
        if not share:
            continue
        begin = max(set_at, since)
        if found and found[-1][1] == set_at:
            begin = found.pop()[0]
        found.append((begin, min(end, until)))
    whole = [(_hour_from(begin), _hour_until(end)) for begin, end in found]
    return [(begin, end) for begin, end in whole if begin < end]


def _hour_until(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hour_from(moment: datetime) -> datetime:
    hour = _hour_until(moment)
    return hour if hour == moment else hour + HOUR


@dataclass(frozen=True)
class AuditState:
    """How the audit stands: settings newest first, the chance of the day under the last one, draws of the day."""

    settings: list[AuditSetting]
    rate: AuditRate | None
    drawn_today: int

    @property
    def current(self) -> AuditSetting | None:
        return self.settings[0] if self.settings else None


def audit_state(*, now: datetime) -> AuditState:
    """In three queries."""
    today = now.astimezone(UTC).date()
    settings = list(AuditSetting.objects.select_related("set_by").order_by("-id")[:_MOST_SETTINGS])
    rate = AuditRate.objects.filter(setting=settings[0], day=today).first() if settings else None
    return AuditState(settings, rate, AuditDraw.objects.filter(day=today).count())
