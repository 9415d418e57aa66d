"""Verdicts that wait for a second person."""

from django.db.models import Count, Q

from cases.models import Case, Verdict
from cases.queries.queues import Desk

# A lead looks through them one by one.
MAX_ROWS = 100


def count_to_approve() -> int:
    return Case.objects.filter(status=Case.Status.APPROVAL).count()


def verdicts_to_approve(desk: Desk) -> list[Verdict]:
    """What waits in the queues the person sees, due first: at most 100.

    Each has its case, who said it and `labelled`, its number of labels.
    """
    seen = desk.visible("case__queue")
    waiting = Verdict.objects.filter(seen, case__status=Case.Status.APPROVAL, state=Verdict.State.APPROVAL)
    counted = waiting.annotate(labelled=Count("payments", filter=~Q(payments__label="")))
    return list(counted.select_related("case", "analyst").order_by("case__due_at")[:MAX_ROWS])
