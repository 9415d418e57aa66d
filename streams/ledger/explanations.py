"""Alerts are explained, each once: the table refuses a second one."""

from datetime import datetime, timedelta

from django.db import connection

from cases.models import Alert
from scoring.models import Explanation, Outbox
from streams.ledger.effects import decisions_in, pending_ids, report
from streams.ledger.log import Span
from streams.ledger.report import Check

# Programs of before an upgrade go on for so long beside the new tables, at most.
UPGRADE_WITHIN = timedelta(hours=1)
# Since it was applied alerts leave their explanations behind.
_EXPLAINED_SINCE = "SELECT applied FROM django_migrations WHERE app = 'scoring' AND name = '0023_explanation'"


def check_explanations(check: Check, span: Span) -> None:
    """Each alert opened since alerts are explained has its explanation, made or not, or waits for it.

    Not what was drawn for the random audit: nothing flagged it.
    """
    opened = Alert.objects.all()
    if explained_since := _explained_since():
        opened = opened.filter(created_at__gte=explained_since)
    alerted = decisions_in(span).filter(id__in=opened.values("decision_id"))
    check.count("explained alerts", Explanation.objects.filter(decision__in=decisions_in(span)).count())
    alone = alerted.filter(explanation=None, audit_draw=None).exclude(id__in=pending_ids(Outbox.Topic.EXPLANATIONS))
    report(check, "has an alert and no explanation", alone)


def _explained_since() -> datetime | None:
    """From when on each alert is explained; None: all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPLAINED_SINCE)
        row: tuple[datetime] | None = cursor.fetchone()
    if row is None:
        # The migration is gone into another one: nobody upgrades from before it any more.
        return None
    is_upgraded = Alert.objects.filter(created_at__lt=row[0]).exists()
    return row[0] + UPGRADE_WITHIN if is_upgraded else row[0]
