"""Which payments a verdict is on, and the label each of them gets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from cases.models import Case
from scoring.models import Decision, Label

# A stolen card is used up within days, and a chargeback names them all.
RECENT = timedelta(days=7)
# One that turned seven days old while the page was open was chosen all the same.
_PAGE_STANDS_OPEN = timedelta(hours=1)
# More than these nobody looks through one by one.
MAX_RECENT = 100
NO_LABEL = ""


class UnknownPaymentError(Exception):
    """The case has no such payment, or a payment cannot get such a label; nothing changed."""


class UnknownRecentError(UnknownPaymentError):
    """Another payment that was chosen is not one the verdict may be on; nothing changed."""


@dataclass(frozen=True)
class Judged:
    """A payment and what is said of it: fraud, legitimate, or nothing."""

    payment: Decision
    label: str


def judge(
    case: Case, *, verdict: str, overrides: Mapping[int, str], recent: Collection[int] | None, now: datetime
) -> list[Judged]:
    """The case's payments with the verdict's label or their own, then the `recent` ones (None: all) with the verdict's.

    Raises:
        UnknownPaymentError: an override names a payment of another case, or an unknown label.
        UnknownRecentError: one of `recent` is not `choosable_payments`.
    """
    label = NO_LABEL if verdict == Case.Verdict.INCONCLUSIVE else verdict
    flagged = list(_lean(Decision.objects.filter(alert__case=case)).order_by("id"))
    if not overrides.keys() <= {payment.id for payment in flagged} or not {*overrides.values()} <= _LABELS:
        raise UnknownPaymentError(case.id)
    judged = [Judged(payment, overrides.get(payment.id, label)) for payment in flagged]
    if label == NO_LABEL:
        return judged
    others = list(recent_payments(case, now=now)) if recent is None else _chosen(case, recent, now=now)
    return judged + [Judged(payment, label) for payment in others]


def recent_payments(case: Case, *, now: datetime) -> QuerySet[Decision]:
    """The card's newest other payments of the last 7 days, at most 100."""
    return _lean(_others(case, since=now - RECENT, now=now)).order_by("-occurred_at")[:MAX_RECENT]


def choosable_payments(case: Case, *, now: datetime) -> QuerySet[Decision]:
    """The card's other payments a verdict may be on: those of `recent_payments`, and of a page that stood open."""
    return _others(case, since=now - RECENT - _PAGE_STANDS_OPEN, now=now)


_LABELS = {NO_LABEL, *Label.Truth.values}


def _chosen(case: Case, ids: Collection[int], *, now: datetime) -> list[Decision]:
    wanted = set(ids)
    chosen = list(_lean(choosable_payments(case, now=now).filter(id__in=wanted)).order_by("-occurred_at")[:MAX_RECENT])
    if len(chosen) != len(wanted):
        raise UnknownRecentError(case.id)
    return chosen


def _others(case: Case, *, since: datetime, now: datetime) -> QuerySet[Decision]:
    # What another case is still about is decided there, by who sees its queue and with a second person's word.
    others = Decision.objects.filter(card_id=case.card_id, occurred_at__gt=since, occurred_at__lte=now)
    return others.exclude(alert__case=case).exclude(alert__case__status__in=[Case.Status.OPEN, Case.Status.APPROVAL])


def _lean(payments: QuerySet[Decision]) -> QuerySet[Decision]:
    return payments.defer("features", "record", "reasons")
