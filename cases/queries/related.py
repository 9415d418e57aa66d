"""Payments of other cards that share a device, an address or a merchant with this one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery

from cases import words
from cases.entity import COLUMNS, Entity
from scoring.models import Decision, Label

MAX_ROWS = 8
MAX_PAYMENTS = 50
TIES = {"device": "Same device", "ip": "Same IP address", "merchant": "Same merchant"}
# A busy merchant has thousands of payments an hour; older ones tell little and cost a scan.
_LOOK_BACK = 500
_COLUMNS = ("card_id", "amount", "currency", "occurred_at", "outcome", "label", "label_source")
_CASE_COLUMNS = ("case_id", "case_status", "case_verdict")


@dataclass(frozen=True)
class RelatedPayment:
    """One payment of another card; of its card the one that tells most, and how many there are."""

    card_id: str
    amount: Decimal
    currency: str
    occurred_at: datetime
    outcome: str
    label: str
    label_source: str
    case_id: UUID | None
    case_status: str
    case_verdict: str
    count: int = 1


@dataclass(frozen=True)
class Related:
    """One shared thing: a summary in words, a payment of each card worth a look, and whether there are more."""

    entity: Entity
    title: str
    summary: str
    payments: list[RelatedPayment]
    has_more: bool = False


@dataclass(frozen=True)
class SharedPayments:
    """The newest payments of other cards with one thing of a payment, and how many there are in all looked at."""

    entity: Entity
    summary: str
    payments: list[RelatedPayment]
    total: int


def with_label(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """Add the latest label and its source."""
    latest = Label.objects.filter(decision=OuterRef("pk")).order_by("-known_at", "-id")
    return decisions.annotate(
        label=Subquery(latest.values("label")[:1]), label_source=Subquery(latest.values("source")[:1])
    )


def related_to(decision: Decision) -> list[Related]:
    """At most 8 other cards by device, address and merchant; each card stands under its closest tie."""
    found, listed = [], {decision.card_id}
    for kind, title in TIES.items():
        if name := getattr(decision, COLUMNS[kind]):
            payments = _payments_with(COLUMNS[kind], decision)
            telling = _telling(kind, payments)
            cards = _cards(telling)
            new = [card for card in cards if card.card_id not in listed][:MAX_ROWS]
            summary = _summary(payments) + ("; listed above" if cards and not new else "")
            found.append(Related(Entity(kind, name), title, summary, new, has_more=len(telling) > len(new)))
            listed.update(card.card_id for card in new)
    return found


def payments_sharing(decision: Decision, kind: str) -> SharedPayments | None:
    """The newest 50 of other cards with the payment's device, ip or merchant; None if it has none. One query."""
    name = getattr(decision, COLUMNS[kind]) if kind in TIES else None
    if not name:
        return None
    payments = _payments_with(COLUMNS[kind], decision)
    telling = _telling(kind, payments)
    return SharedPayments(Entity(kind, name), _summary(payments), telling[:MAX_PAYMENTS], len(telling))


def _telling(kind: str, payments: list[RelatedPayment]) -> list[RelatedPayment]:
    """Everybody pays at a large merchant: only what was flagged or labelled there means something."""
    return [payment for payment in payments if kind != "merchant" or _tells(payment)]


def _payments_with(field: str, decision: Decision) -> list[RelatedPayment]:
    """Other cards' payments with the same value, newest first."""
    newest = Decision.objects.filter(**{field: getattr(decision, field)}).order_by("-occurred_at")[:_LOOK_BACK]
    others = Decision.objects.filter(id__in=newest.values("id")).exclude(card_id=decision.card_id)
    rows = with_label(others).annotate(
        case_id=F("alert__case_id"),
        case_status=F("alert__case__status"),
        case_verdict=F("alert__case__verdict"),
    )
    return [_payment(row) for row in rows.order_by("-occurred_at").values(*_COLUMNS, *_CASE_COLUMNS)]


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
