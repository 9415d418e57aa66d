"""The payments behind a tie: other cards' with the same device, address or merchant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F

from cases.entity import COLUMNS, Entity
from cases.models import Case
from cases.queries.queues import Desk, case_columns
from cases.queries.related import LOOK_BACK, TIES, RelatedPayment, summary_words, with_label
from scoring.models import Decision, Label

MAX_PAYMENTS = 50
_COLUMNS = ("card_id", "amount", "currency", "occurred_at", "outcome", "label", "label_source")
_CASE_COLUMNS = ("case_id", "case_status", "case_verdict")


@dataclass(frozen=True)
class SharedPayments:
    """The newest payments of other cards with one thing of a payment, and how many there are in all looked at."""

    entity: Entity
    summary: str
    payments: list[RelatedPayment]
    total: int


def payments_sharing(
    decision: Decision, kind: str, *, desk: Desk, as_of: datetime | None = None
) -> SharedPayments | None:
    """The newest 50 of other cards with the payment's device, ip or merchant; None if it has none. One query.

    With `as_of`, as they stood before that moment.
    """
    name = getattr(decision, COLUMNS[kind]) if kind in TIES else None
    if not name:
        return None
    payments = _payments_with(COLUMNS[kind], decision, desk, as_of)
    # Of a large merchant only what was flagged or labelled means something, as on the case page.
    telling = [payment for payment in payments if kind != "merchant" or payment.label or payment.case_id]
    return SharedPayments(Entity(kind, name), _summary(payments), telling[:MAX_PAYMENTS], len(telling))


def _payments_with(field: str, decision: Decision, desk: Desk, as_of: datetime | None) -> list[RelatedPayment]:
    """Other cards' payments among the newest 500 with the same value, newest first."""
    name = getattr(decision, field)
    # A range of one value, for which see `entities._payments_of`.
    newest = Decision.objects.filter(**{f"{field}__gte": name, f"{field}__lte": name})
    if as_of is not None:
        newest = newest.filter(occurred_at__lt=as_of, decided_at__lt=as_of)
    newest = newest.order_by(f"-{field}", "-occurred_at")[:LOOK_BACK]
    others = Decision.objects.filter(id__in=newest.values("id")).exclude(card_id=decision.card_id)
    rows = with_label(others, as_of=as_of).annotate(**case_columns(desk), case_decided_at=F("alert__case__decided_at"))
    names = (*_COLUMNS, *_CASE_COLUMNS, "case_decided_at")
    return [_payment(row, as_of) for row in rows.order_by("-occurred_at").values(*names)]


def _payment(row: dict[str, Any], as_of: datetime | None) -> RelatedPayment:
    decided_at = row.pop("case_decided_at")
    if as_of is not None and row["case_id"] and decided_at is not None and decided_at >= as_of:
        row |= {"case_status": Case.Status.OPEN.value, "case_verdict": ""}
    texts = {name: row[name] or "" for name in ("label", "label_source", "case_status", "case_verdict")}
    return RelatedPayment(**row | texts)


def _summary(payments: list[RelatedPayment]) -> str:
    cards = {payment.card_id for payment in payments}
    fraud = {payment.card_id for payment in payments if payment.label == Label.Value.FRAUD}
    return summary_words(len(cards), len(fraud))
