"""Reads the numbered feed."""

from django.db.models import F, Max, QuerySet

from cases.models import FeedEntry
from cases.queries.queues import Desk

_UNUSED = ("decision__features", "decision__record")


def newest_seq() -> int:
    """Number of the last entry, 0 for an empty feed."""
    return FeedEntry.objects.aggregate(last=Max("seq"))["last"] or 0


def entries_after(seq: int, *, limit: int) -> list[FeedEntry]:
    """The next entries in order, each with the `queue_id` of its case."""
    return list(_entries().filter(seq__gt=seq).order_by("seq")[:limit])


def newest_entries(limit: int, *, desk: Desk) -> list[FeedEntry]:
    """The last entries whose cases the person sees, newest first."""
    return list(_entries().filter(desk.visible("case__queue")).order_by("-seq")[:limit])


def _entries() -> QuerySet[FeedEntry]:
    return FeedEntry.objects.select_related("decision").defer(*_UNUSED).annotate(queue_id=F("case__queue"))
