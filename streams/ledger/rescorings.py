"""What decisions made without a part had to cause: each is scored again once the part is back."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from scoring.features.live import FeatureStoreError, StateStore
from scoring.models import Decision, Rescoring, RescoringDue
from scoring.models.rescoring import HAS_FEATURES
from scoring.services.rescoring import with_parts_back
from streams.ledger.effects import decisions_in, report, with_effects
from streams.ledger.log import Span
from streams.ledger.report import Check

# The task worker looks each second, and takes some hundred a turn.
OVERDUE_AFTER = timedelta(minutes=1)
# Programs of before an upgrade go on for so long beside the new tables, at most.
UPGRADE_WITHIN = timedelta(hours=1)
# Since it was applied degraded decisions are noted.
_NOTED_SINCE = "SELECT applied FROM django_migrations WHERE app = 'scoring' AND name = '0008_rescoring'"


def check_rescorings(check: Check, span: Span, *, store: StateStore) -> None:
    """Each degraded decision has its rescoring, or waits for a part that is away; none has both."""
    young = Now() - timedelta(hours=settings.RESCORE_WITHIN_HOURS)
    decided = with_effects(decisions_in(span))
    # From the side of the few: nearly all decisions are whole.
    again = decided.filter(rescoring__isnull=False)
    check.count("degraded decisions scored again", again.count())
    report(check, "was scored again and is to be once more", again.filter(rescoring_due__isnull=False))
    lacking = decided.exclude(degraded=[]).filter(decided_at__gt=young)
    if noted_since := _noted_since():
        lacking = lacking.filter(decided_at__gte=noted_since)
    forgotten = lacking.filter(rescoring=None, rescoring_due=None)
    report(check, "is degraded and is not going to be scored again", forgotten)
    waiting = RescoringDue.objects.filter(decision__in=decided, created_at__gt=young)
    _check_waiting(check, waiting, store)


def _check_waiting(check: Check, waiting: QuerySet[RescoringDue], store: StateStore) -> None:
    """What has its parts back does not wait longer than a backlog that is being worked on."""
    check.count("degraded decisions that wait", waiting.count())
    is_overdue = Q(ready_at__lt=Now() - OVERDUE_AFTER) | Q(ready_at=None, created_at__lt=Now() - OVERDUE_AFTER)
    ready = with_parts_back(waiting.filter(is_overdue))
    unseen = waiting.exclude(HAS_FEATURES).filter(created_at__lt=Now() - OVERDUE_AFTER)
    if unseen.exists() and _is_whole(store):
        check.unknown.append(f"{unseen.count():,} degraded decisions wait for the features, which are back: look again")
    if not ready.exists():
        return
    if Rescoring.objects.filter(rescored_at__gt=Now() - OVERDUE_AFTER).exists():
        check.unknown.append(f"{ready.count():,} degraded decisions are being scored again: look again")
        return
    decisions = Decision.objects.filter(id__in=ready.values("decision_id"))
    report(check, "is degraded, its parts are back, and it was not scored again", decisions)


def _noted_since() -> datetime | None:
    """From when on each degraded decision is noted, whatever became of those that were; None: all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTED_SINCE)
        row: tuple[datetime] | None = cursor.fetchone()
    if row is None:
        # The migration is gone into another one: nobody upgrades from before it any more.
        return None
    is_upgraded = with_effects(Decision.objects.filter(decided_at__lt=row[0])).exists()
    return row[0] + UPGRADE_WITHIN if is_upgraded else row[0]


def _is_whole(store: StateStore) -> bool:
    try:
        store.read([])
    except FeatureStoreError:
        return False
    return True
