"""Verdicts that wait for a second person."""

from django.db.models import Count, Q

from cases.models import Case, Verdict

# A lead looks through them one by one.
MAX_ROWS = 100


def count_to_approve() -> int:
    return Case.objects.filter(status=Case.Status.APPROVAL).count()


def verdicts_to_approve() -> list[Verdict]:
    """What waits, due first: at most 100, each with its case, who said it and `labelled`, its number of labels."""
    waiting = Verdict.objects.filter(case__status=Case.Status.APPROVAL, state=Verdict.State.APPROVAL)
    counted = waiting.annotate(labelled=Count("payments", filter=~Q(payments__label="")))
    return list(counted.select_related("case", "analyst").order_by("case__due_at")[:MAX_ROWS])
