"""Everything that is known about a case, for a printed record, in a fixed number of queries."""

from dataclasses import dataclass
from typing import Any

from cases import evidence, money
from cases.explained import Explained, explained
from cases.models import Attachment, Case, CaseEvent, Tag
from cases.queries.case_detail import CaseDetail, case_detail, notes_of
from cases.queries.casework import files_of
from cases.queries.history import Entry, all_events_of
from cases.queries.queues import Desk
from scoring.models import Decision, Explanation, Label

# Each takes half a page; what goes beyond stands in one line each.
_IN_FULL = 25
_MAX_EVENTS = 2_000
_MAX_LABELS = 1_000


@dataclass(frozen=True)
class PrintedPayment:
    """A payment with all its fields: as it was sent, and as it was decided."""

    decision: Decision
    bars: list[evidence.ReasonBar]
    explained: Explained | None
    sent: list[tuple[str, Any]]


@dataclass(frozen=True)
class EvidencePage:
    """`short` are the payments beyond those `in_full`, the largest stakes first in both."""

    detail: CaseDetail
    in_full: list[PrintedPayment]
    short: list[Decision]
    labels: list[Label]
    notes: list[CaseEvent]
    tags: list[Tag]
    files: list[Attachment]
    events: list[Entry]
    is_cut: bool


def evidence_page(case: Case, *, desk: Desk) -> EvidencePage:
    detail = case_detail(case, desk=desk)
    payments = sorted(detail.alerts, key=lambda one: (-money.stake_of(one.amount, one.score), one.id))
    events = all_events_of(case, limit=_MAX_EVENTS + 1)
    return EvidencePage(
        detail=detail,
        in_full=[_printed(payment, detail.explanations.get(payment.id)) for payment in payments[:_IN_FULL]],
        short=payments[_IN_FULL:],
        labels=_labels_of(case),
        notes=notes_of(case),
        tags=list(case.tags.order_by("name")),
        files=files_of(case),
        events=events[:_MAX_EVENTS],
        is_cut=len(events) > _MAX_EVENTS,
    )


def _printed(decision: Decision, found: Explanation | None) -> PrintedPayment:
    told = explained(found) if found else None
    return PrintedPayment(
        decision=decision,
        bars=evidence.reason_bars(decision.reasons, told.usual if told else {}),
        explained=told,
        sent=sorted((name.replace("_", " "), value) for name, value in decision.record.items()),
    )


def _labels_of(case: Case) -> list[Label]:
    labels = Label.objects.filter(decision__alert__case=case).select_related("decision", "author", "api_key")
    return list(labels.defer("decision__features", "decision__record").order_by("known_at", "id")[:_MAX_LABELS])
