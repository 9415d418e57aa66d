"""Reads the numbered feed."""

from django.db.models import F, Max, QuerySet

from cases.models import FeedEntry
from cases.queries.queues import Desk
from cases.rescored import as_found, flagged_as

_UNUSED = ("decision__features", "decision__record", "decision__rescoring__features")


def newest_seq() -> int:
    """Number of the last entry, 0 for an empty feed."""
    return FeedEntry.objects.aggregate(last=Max("seq"))["last"] or 0


def entries_after(seq: int, *, limit: int) -> list[FeedEntry]:
    """The next entries in order, each with the `queue_id` of its case."""
    return _read(_entries().filter(seq__gt=seq).order_by("seq")[:limit])


def newest_entries(limit: int, *, desk: Desk) -> list[FeedEntry]:
    """The last entries whose cases the person sees, newest first."""
    return _read(_entries().filter(desk.visible("case__queue")).order_by("-seq")[:limit])


def _entries() -> QuerySet[FeedEntry]:
    both = FeedEntry.objects.select_related("decision__rescoring", "decision__audit_draw")
    return both.defer(*_UNUSED).annotate(queue_id=F("case__queue"))


def _read(entries: QuerySet[FeedEntry]) -> list[FeedEntry]:
    """Each with the `outcome` it is shown for, and its decision as the desk sees it."""
    found = list(entries)
    for entry in found:
        entry.outcome = flagged_as(entry.decision)  # type: ignore[attr-defined]
        as_found(entry.decision)
    return found
