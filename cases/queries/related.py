"""Payments of other cards that share a device, an address or a merchant with this one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable

from cases import words
from scoring.models import Decision, Label

MAX_ROWS = 8
# A busy merchant has thousands of payments an hour; older ones tell little and cost a scan.
_LOOK_BACK = 500
_COLUMNS = ("card_id", "amount", "currency", "occurred_at", "label", "label_source")
_CASE_COLUMNS = ("case_id", "case_status", "case_verdict")


@dataclass(frozen=True)
class RelatedPayment:
    """One payment of another card; of its card the one that tells most, and how many there are."""

    card_id: str
    amount: Decimal
    currency: str
    occurred_at: datetime
    label: str
    label_source: str
    case_id: UUID | None
    case_status: str
    case_verdict: str
    count: int = 1


@dataclass(frozen=True)
class Related:
    """One shared thing: what it is, a summary in words, and a payment of each card worth a look."""

    title: str
    summary: str
    payments: list[RelatedPayment]


def with_label(decisions: QuerySet[Decision], *, as_of: datetime | None = None) -> QuerySet[Decision]:
    """Add the latest label and its source; `as_of` leaves out what was not known before that moment."""
    latest = Label.objects.filter(decision=OuterRef("pk")).order_by("-known_at", "-id")
    if as_of is not None:
        latest = latest.filter(known_at__lt=as_of)
    return decisions.annotate(
        label=Subquery(latest.values("label")[:1]), label_source=Subquery(latest.values("source")[:1])
    )


def related_to(decision: Decision, *, as_of: datetime | None = None) -> list[Related]:
    """At most 8 other cards by device, address and merchant; each card stands under its closest tie.

    With `as_of`, as they stood before that moment.
    """
    ties = [("Same device", "device_id"), ("Same IP address", "ip_address"), ("Same merchant", "merchant_id")]
    found, listed = [], {decision.card_id}
    for title, field in ties:
        if getattr(decision, field):
            payments = _payments_with(field, decision, as_of=as_of)
            # Everybody pays at a large merchant: only what was flagged or labelled there means something.
            cards = [card for card in _cards(payments) if field != "merchant_id" or _tells(card)]
            new = [card for card in cards if card.card_id not in listed][:MAX_ROWS]
            summary = _summary(payments) + ("; listed above" if cards and not new else "")
            found.append(Related(title, summary, new))
            listed.update(card.card_id for card in new)
    return found


def _payments_with(field: str, decision: Decision, *, as_of: datetime | None) -> list[RelatedPayment]:
    """Other cards' payments with the same value, newest first."""
    known = {} if as_of is None else {"decided_at__lt": as_of, "occurred_at__lt": as_of}
    newest = Decision.objects.filter(**{field: getattr(decision, field)}, **known).order_by("-occurred_at")[:_LOOK_BACK]
    others = Decision.objects.filter(id__in=newest.values("id")).exclude(card_id=decision.card_id)
    rows = with_label(others, as_of=as_of).annotate(case_id=F("alert__case_id"), **_case_columns(as_of))
    return [_payment(row) for row in rows.order_by("-occurred_at").values(*_COLUMNS, *_CASE_COLUMNS)]


def _case_columns(as_of: datetime | None) -> dict[str, Combinable]:
    """State of the payment's case; before `as_of` one that was decided later was open."""
    status, verdict = F("alert__case__status"), F("alert__case__verdict")
    if as_of is None:
        return {"case_status": status, "case_verdict": verdict}
    later = {"alert__case__decided_at__gte": as_of}
    return {
        "case_status": Case(When(**later, then=Value("open")), default=status),
        "case_verdict": Case(When(**later, then=Value("")), default=verdict),
    }


def _cards(payments: Sequence[RelatedPayment]) -> list[RelatedPayment]:
    """The most telling payment of each card: with a label first, then flagged ones, then the newest."""
    best: dict[str, RelatedPayment] = {}
    for payment in sorted(payments, key=_rank):
        best.setdefault(payment.card_id, payment)
    times = Counter(payment.card_id for payment in payments)
    return [replace(payment, count=times[payment.card_id]) for payment in best.values()]


def _rank(payment: RelatedPayment) -> tuple[bool, bool, bool]:
    return payment.label != Label.Value.FRAUD, not payment.label, payment.case_id is None


def _tells(payment: RelatedPayment) -> bool:
    return bool(payment.label or payment.case_id)


def _payment(row: dict[str, Any]) -> RelatedPayment:
    texts = {name: row[name] or "" for name in ("label", "label_source", "case_status", "case_verdict")}
    return RelatedPayment(**row | texts)


def _summary(payments: Sequence[RelatedPayment]) -> str:
    cards = {payment.card_id for payment in payments}
    fraud = {payment.card_id for payment in payments if payment.label == Label.Value.FRAUD}
    if not cards:
        return "no other card"
    return f"{words.count(len(cards), 'other card')}, {len(fraud) or 'none'} with confirmed fraud"
