"""What the verdict's part of the case page shows, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Prefetch

from cases.models import Alert, Case, Verdict, VerdictPayment
from cases.queries.related import with_label
from cases.services import approvals
from cases.services.verdict_effects import is_held
from cases.services.verdict_lists import standing_blocks
from cases.services.verdict_payments import NO_LABEL, Judged, recent_payments
from scoring.models import Decision


@dataclass(frozen=True)
class VerdictPanel:
    """The last verdict said; and for an open case what another one would cause.

    held: flagged payments that wait for our word. needs_approval: verdicts a second person would have to approve.
    lifts_block: a legitimate verdict would take off the block list what the case put there.
    """

    last: Verdict | None
    recent: list[Decision]
    held: int
    needs_approval: frozenset[str]
    lifts_block: bool


def verdict_panel(case: Case, alerts: Sequence[Decision], *, now: datetime) -> VerdictPanel:
    last = last_verdict(case)
    if case.status != Case.Status.OPEN:
        return VerdictPanel(last, [], 0, frozenset(), lifts_block=False)
    return VerdictPanel(
        last=last,
        recent=_recent(case, now=now),
        held=sum(is_held(alert.outcome) for alert in alerts),
        needs_approval=_needs_approval(alerts),
        # Only a case that was decided before can have blocked its card.
        lifts_block=last is not None and bool(standing_blocks(case)),
    )


def last_verdict(case: Case) -> Verdict | None:
    """The last verdict with its payments and effects; `is_recent` of a payment: it is of the card, not of the case."""
    is_alert = Alert.objects.filter(case=case, decision=OuterRef("decision"))
    payments = VerdictPayment.objects.annotate(is_recent=~Exists(is_alert)).order_by("id")
    said = Verdict.objects.filter(case=case).select_related("analyst", "settled_by")
    return said.prefetch_related(Prefetch("payments", payments), "effects").order_by("-id").first()


def _recent(case: Case, *, now: datetime) -> list[Decision]:
    return list(with_label(recent_payments(case, now=now)))


def _needs_approval(alerts: Sequence[Decision]) -> frozenset[str]:
    known = approvals.limits()
    labels = {said: NO_LABEL if said == Case.Verdict.INCONCLUSIVE else said for said in Case.Verdict.values}
    return frozenset(
        said
        for said, label in labels.items()
        if approvals.is_needed(said, [Judged(alert, label) for alert in alerts], known)
    )
