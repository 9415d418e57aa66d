"""What decisions had to cause inside the database: outbox rows delivered, alerts, the numbered feed."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, Func, OuterRef, QuerySet
from django.db.models.functions import Now

from cases.models import Alert
from scoring.models import Decision, Outbox, Outcome, Rescoring
from streams.ledger.log import Span
from streams.ledger.report import Check

# The relay is woken by each commit; a minute is a relay that does not run, or fails.
OVERDUE_AFTER = timedelta(minutes=1)
FLAGGED = (Outcome.REVIEW, Outcome.DECLINE)


def decisions_in(span: Span) -> QuerySet[Decision]:
    """Decisions made in the span."""
    decisions = Decision.objects.all()
    if span.since is not None:
        decisions = decisions.filter(decided_at__gte=span.since)
    if span.until is not None:
        decisions = decisions.filter(decided_at__lte=span.until)
    return decisions


def with_effects(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """Without those of files: history causes no alerts and is not published."""
    return decisions.exclude(source__startswith="file:")


def pending_ids(topic: str) -> QuerySet[Outbox, Any]:
    """Ids waiting in the outbox, to be used inside another query: one statement sees decisions and outbox alike."""
    return Outbox.objects.filter(topic=topic).values_list(Func("ids", function="unnest"), flat=True)


def check_outbox(check: Check) -> None:
    """No effect waits longer than the relay takes."""
    check.count("outbox rows waiting", Outbox.objects.count())
    overdue = Outbox.objects.filter(created_at__lt=Now() - OVERDUE_AFTER).values("topic")
    for row in overdue.annotate(rows=Count("id")).order_by("topic"):
        minutes = int(OVERDUE_AFTER.total_seconds() // 60)
        words = f"{row['rows']} outbox rows of {row['topic']} wait for more than {minutes} min"
        check.fault(words, number=row["rows"])


def check_alerts(check: Check, span: Span) -> None:
    """Each flagged decision has its alert and its feed entry, and nothing else has. More than one the tables refuse.

    Flagged is also what was let through and was flagged when it was scored again.
    """
    decided = with_effects(decisions_in(span))
    approved = decisions_in(span).exclude(outcome__in=FLAGGED)
    let_through = with_effects(approved).filter(rescoring__outcome__in=FLAGGED)
    for words, flagged in (("flagged", decided.filter(outcome__in=FLAGGED)), ("found when scored again", let_through)):
        check.count("flagged decisions", flagged.count())
        alone = flagged.filter(alert=None).exclude(id__in=pending_ids(Outbox.Topic.ALERTS))
        report(check, f"is {words} and has no alert", alone)
        unshown = flagged.exclude(alert=None).filter(feed_entry=None)
        report(check, f"is {words}, has an alert and no feed entry", unshown)
    in_order = Rescoring.objects.filter(decision=OuterRef("pk"), outcome__in=FLAGGED)
    alerted = approved.filter(~Exists(in_order), audit_draw=None, id__in=Alert.objects.values("decision_id"))
    report(check, "is approved and has an alert", alerted)


def check_audit(check: Check, span: Span) -> None:
    """Each approved payment that was drawn has its case, and only approved ones are drawn; once, the tables see to."""
    drawn = decisions_in(span).filter(audit_draw__isnull=False)
    check.count("payments drawn at random", drawn.count())
    unseen = drawn.filter(alert=None).exclude(id__in=pending_ids(Outbox.Topic.ALERTS))
    report(check, "is drawn at random and has no case", unseen)
    report(check, "is drawn at random and was not approved", drawn.exclude(outcome=Outcome.APPROVE))


def report(check: Check, words: str, decisions: QuerySet[Decision]) -> None:
    """Note decisions that break the invariant, the first of them by name."""
    names = list(decisions.order_by("id").values_list("transaction_id", flat=True)[:5])
    for name in names:
        check.fault(f"transaction {name} {words}", number=0)
    if names:
        check.faults += decisions.count()


_FEED = """
SELECT seq, before FROM (SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before FROM cases_feedentry) AS feed
WHERE seq <> before + 1 ORDER BY seq
"""


def check_feed(check: Check) -> None:
    """The feed's numbers run from 1 without a gap, over all times: a client tells by them what it missed."""
    with connection.cursor() as cursor:
        cursor.execute(_FEED)
        for seq, before in cursor.fetchall():
            check.fault(f"the feed has nothing between {before} and {seq}")
        cursor.execute("SELECT count(*) FROM cases_feedentry")
        check.count("feed entries", cursor.fetchone()[0])
