"""What changed on cases lately, for pages that show many of them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from cases import words
from cases.models import Case, CaseEvent

# Events are numbered when they are written and seen when their transaction ends: one may come after its successors.
_LATE_EVENTS = 200
# A look changes nothing in a row, and what joins comes with the feed.
_PASSED_OVER = (CaseEvent.Kind.VIEWED, CaseEvent.Kind.NOTE, CaseEvent.Kind.OPENED, CaseEvent.Kind.JOINED)


def newest_event_id() -> int:
    """Number of the newest event, 0 without any."""
    return CaseEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def events_around(event_id: int) -> dict[int, UUID]:
    """Events after this one, and the 200 before it that may have come late, with their cases."""
    events = CaseEvent.objects.filter(id__gt=event_id - _LATE_EVENTS).exclude(kind__in=_PASSED_OVER)
    return dict(events.order_by("id").values_list("id", "case_id"))


def is_late_enough(event_id: int, newest: int) -> bool:
    """Say whether `events_around` the newest may bring this event again."""
    return event_id > newest - _LATE_EVENTS


def states_of(case_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """How the cases stand now: who has each, and in words why it is open no more; `queue_id` says who is told."""
    cases = Case.objects.filter(id__in=case_ids).select_related("claimed_by", "decided_by").order_by("id")
    return [_state_of(case) for case in cases]


def _state_of(case: Case) -> dict[str, Any]:
    return {
        "case": str(case.id),
        "queue_id": case.queue_id,
        "username": case.claimed_by.get_username() if case.claimed_by else "",
        "claimed_by": words.person(case.claimed_by) if case.claimed_by else "",
        "gone": _gone_words(case),
    }


def _gone_words(case: Case) -> str:
    if case.status == Case.Status.OPEN:
        return ""
    said = f"{case.get_status_display().lower()}{f' by {words.person(case.decided_by)}' if case.decided_by else ''}"
    return f"{said}: {case.get_verdict_display().lower()}" if case.verdict else said
