"""What the drawings of a case and the numbers behind them are made of."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import F, Q
from numpy.typing import NDArray

from cases import numbers, places, timeline, travel
from cases.models import Case
from cases.queries.case_detail import headline_of, payments_of_card, timeline_of
from cases.queries.queues import Desk
from cases.queries.related import with_label
from cases.queries.shared import SharedPayments, payments_sharing
from cases.rescored import as_found
from scoring.features.definitions import NAMES, VERSION
from scoring.models import Decision, Rule

_MAX_PAYMENTS = 300
# What is usual shows in a hundred payments; more cost time and say the same.
_MAX_COMPARED = 100


class NoSuchDrawingError(Exception):
    """The case has no such payment, the payment no such reason or nothing of the kind."""


@dataclass(frozen=True)
class CardTimeline:
    case: Case
    line: timeline.Timeline
    payments: list[Decision]


def card_timeline(case: Case, span: str, *, desk: Desk, as_of: datetime | None = None) -> CardTimeline:
    """The card's payments of a span (a name of timeline.SPANS) before the case's last, drawn and listed. Two queries.

    With `as_of`: what was known before that moment, and nothing of the case's own payments.

    Raises:
        NoSuchDrawingError: no span is called so.
    """
    if span not in timeline.SPANS:
        raise NoSuchDrawingError(span)
    alerts = list(
        Decision.objects.filter(alert__case=case)
        .only("occurred_at", "amount", "score", "currency")
        .order_by("-occurred_at")
    )
    until = alerts[0].occurred_at
    payments = payments_of_card(case, desk=desk, since=until - timeline.MONTH, until=until, as_of=as_of)
    line = timeline_of(case, headline_of(alerts), payments, until=until, span=span)
    since = until - timeline.SPANS[span].length
    return CardTimeline(case, line, [payment for payment in payments if payment.occurred_at >= since])


@dataclass(frozen=True)
class CasePlaces:
    case: Case
    places: places.Places


def case_places(case: Case, *, as_of: datetime | None = None) -> CasePlaces:
    """Where the card paid in the 30 days before the case's last payment; `as_of` as above. Two queries."""
    until = _last_payment_at(case)
    payments = Decision.objects.filter(
        card_id=case.card_id, occurred_at__gte=until - timeline.MONTH, occurred_at__lte=until
    )
    rows = (
        with_label(payments, as_of=as_of)
        .annotate(case_id=F("alert__case_id"))
        .order_by("-occurred_at")
        .values(
            "occurred_at",
            "merchant_name",
            "merchant_id",
            "label",
            "case_id",
            "record__latitude",
            "record__longitude",
            "record__merchant_country",
        )[:_MAX_PAYMENTS]
    )
    stops = [
        travel.Stop(
            occurred_at=row["occurred_at"],
            latitude=row["record__latitude"],
            longitude=row["record__longitude"],
            country=row["record__merchant_country"] or "",
            where=row["merchant_name"] or row["merchant_id"],
            label="" if as_of is not None and row["case_id"] == case.id else row["label"] or "",
            is_alert=row["case_id"] == case.id,
        )
        for row in rows
    ]
    return CasePlaces(case, places.describe(stops))


def _last_payment_at(case: Case) -> datetime:
    return Decision.objects.filter(alert__case=case).order_by("-occurred_at").values_list("occurred_at", flat=True)[0]


def shared_payments(
    case: Case, decision_id: int, kind: str, *, desk: Desk, as_of: datetime | None = None
) -> SharedPayments:
    """Other cards' payments with the device, ip or merchant of a payment of the case; `as_of` as above. Two queries.

    Raises:
        NoSuchDrawingError: the case has no such payment, or the payment nothing of the kind.
    """
    shared = payments_sharing(_payment_of(case, decision_id), kind, desk=desk, as_of=as_of)
    if shared is None:
        raise NoSuchDrawingError(kind)
    return shared


@dataclass(frozen=True)
class ReasonNumbers:
    """What stands behind one reason; `expression` is its rule's, `compared` how many payments say what is usual."""

    case: Case
    words: str
    share: str
    expression: str
    numbers: list[numbers.Number]
    compared: int
    is_readable: bool


def reason_numbers(case: Case, decision_id: int, place: int) -> ReasonNumbers:
    """The features of the place-th reason of a payment of the case, beside the card's usual. At most three queries.

    Raises:
        NoSuchDrawingError: the case has no such payment, or the payment no such reason.
    """
    decision = _payment_of(case, decision_id)
    if place >= len(decision.reasons):
        raise NoSuchDrawingError(place)
    reason = decision.reasons[place]
    contribution = reason.get("contribution")
    expression = _expression_of(decision, reason["code"]) if contribution is None else ""
    vectors, others = _vectors_of([decision]), _vectors_of(_others_of(case, decision))
    behind = numbers.features_behind(reason["code"], expression) if len(vectors) else []
    found = (
        numbers.numbers_of(behind, vectors[0], others, currency=decision.currency, told=reason["words"])
        if behind
        else []
    )
    return ReasonNumbers(
        case=case,
        words=reason["words"],
        share=numbers.share_words(contribution),
        expression=expression,
        numbers=found,
        compared=len(others),
        is_readable=bool(len(vectors)),
    )


def _payment_of(case: Case, decision_id: int) -> Decision:
    decision = (
        Decision.objects.filter(alert__case=case, id=decision_id).select_related("rescoring", "audit_draw").first()
    )
    if decision is None:
        raise NoSuchDrawingError(decision_id)
    return as_found(decision)


def _expression_of(decision: Decision, code: str) -> str:
    """The rule as it was when it decided; empty for a list."""
    is_of_code = Q(reason_code=code) | Q(reason_code="", code=code)
    rules = Rule.objects.filter(is_of_code, policy__version=decision.policy_version).order_by("code")
    return rules.values_list("expression", flat=True).first() or ""


def _others_of(case: Case, decision: Decision) -> list[Decision]:
    """The card's payments of the 30 days before, outside the case, in the same currency: amounts compare."""
    before = Decision.objects.filter(
        card_id=decision.card_id,
        currency=decision.currency,
        occurred_at__gte=decision.occurred_at - timeline.MONTH,
        occurred_at__lt=decision.occurred_at,
    )
    outside = before.exclude(alert__case=case).order_by("-occurred_at")
    return list(outside.only("features", "feature_version")[:_MAX_COMPARED])


def _vectors_of(decisions: list[Decision]) -> NDArray[np.float32]:
    """float32 (payments, features) of those that were decided with this version of the table."""
    length = 4 * len(NAMES)
    vectors = [
        np.frombuffer(decision.features, np.float32)
        for decision in decisions
        if decision.feature_version == VERSION and len(decision.features) == length
    ]
    return np.array(vectors, np.float32).reshape(-1, len(NAMES))
