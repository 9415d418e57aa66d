"""Everything the case page shows, in a fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cases import evidence, money, timeline, words
from cases.explained import Explained, explained
from cases.models import Case, CaseEvent
from cases.queries.queues import Desk, case_columns
from cases.queries.related import Related, related_to, with_label
from cases.rescored import as_found
from scoring.models import Decision, Explanation, Outcome
from scoring.queries_explanations import explanations_of

_MAX_PAYMENTS = 300
_MAX_NOTES = 100
_TOLD = [
    CaseEvent.Kind.NOTE,
    CaseEvent.Kind.SKIPPED,
    CaseEvent.Kind.SNOOZED,
    CaseEvent.Kind.ESCALATED,
    CaseEvent.Kind.REOPENED,
]


@dataclass(frozen=True)
class CaseDetail:
    """`explained` is of the headline; `explanations` those of all alerts that have one, by the decision's id."""

    case: Case
    headline: Decision
    alerts: list[Decision]
    bars: list[evidence.ReasonBar]
    explained: Explained | None
    explanations: dict[int, Explanation]
    facts: list[evidence.Fact]
    timeline: timeline.Timeline
    related: list[Related]
    notes: list[CaseEvent]
    has_places: bool


def case_detail(case: Case, *, desk: Desk, as_of: datetime | None = None) -> CaseDetail:
    """With `as_of`: what was known of it and around it before that moment, and nothing of its own payments."""
    flagged = with_label(Decision.objects.filter(alert__case=case), as_of=as_of).select_related(
        "rescoring", "audit_draw"
    )
    alerts = [as_found(alert) for alert in flagged.order_by("-occurred_at")]
    headline = headline_of(alerts)
    until = alerts[0].occurred_at
    payments = payments_of_card(case, desk=desk, since=until - timeline.MONTH, until=until, as_of=as_of)
    if as_of is not None:
        _forget_labels(alerts)
    explanations = explanations_of(alerts)
    told = explained(explanations[headline.id]) if headline.id in explanations else None
    return CaseDetail(
        case=case,
        headline=headline,
        alerts=alerts,
        bars=evidence.reason_bars(headline.reasons, told.usual if told else {}),
        explained=told,
        explanations=explanations,
        facts=_facts(headline, [payment for payment in payments if not _is_in(case, payment)]),
        timeline=timeline_of(case, headline, payments, until=until),
        related=related_to(headline, desk=desk, as_of=as_of),
        notes=notes_of(case) if as_of is None else [],
        has_places=any(name in alert.record for alert in alerts for name in ("latitude", "merchant_country")),
    )


def headline_of(alerts: Sequence[Decision]) -> Decision:
    """The payment with the most at stake."""
    return max(alerts, key=lambda alert: (money.stake_of(alert.amount, alert.score), alert.id))


def notes_of(case: Case) -> list[CaseEvent]:
    """The newest notes, and reasons for whatever moved the case: what one analyst tells the next."""
    told = case.events.filter(kind__in=_TOLD, actor__isnull=False).exclude(text="").select_related("actor", "api_key")
    return list(told.order_by("-happened_at", "-id")[:_MAX_NOTES])


def payments_of_card(
    case: Case, *, desk: Desk, since: datetime, until: datetime, as_of: datetime | None = None
) -> list[Decision]:
    """The newest 300 up to the case's last alert, newest first: what came later is not what the analyst judges.

    `case_id` of a payment is empty for a case that `desk` does not see. With `as_of`: with what was known before that
    moment, and nothing of the case's own.
    """
    payments = Decision.objects.filter(card_id=case.card_id, occurred_at__gte=since, occurred_at__lte=until)
    payments = with_label(payments.defer("features", "record", "reasons"), as_of=as_of).annotate(
        case_id=case_columns(desk)["case_id"]
    )
    found: list[Decision] = list(payments.order_by("-occurred_at")[:_MAX_PAYMENTS])
    if as_of is not None:
        _forget_labels(payment for payment in found if _is_in(case, payment))
    return found


def _forget_labels(payments: Iterable[Decision]) -> None:
    """Whatever is known of the case's own payments tells the verdict that is to be found, or gives it away."""
    for payment in payments:
        payment.label = payment.label_source = None  # type: ignore[attr-defined]


def _is_in(case: Case, payment: Decision) -> bool:
    return payment.case_id == case.id  # type: ignore[attr-defined, no-any-return]


def timeline_of(
    case: Case, headline: Decision, payments: Sequence[Decision], *, until: datetime, span: str = "month"
) -> timeline.Timeline:
    drawn = [
        timeline.Payment(
            occurred_at=payment.occurred_at,
            amount=payment.amount,
            currency=payment.currency,
            is_alert=_is_in(case, payment),
            label=payment.label or "",  # type: ignore[attr-defined]
            where=payment.merchant_name or payment.merchant_id,
            is_declined=payment.outcome == Outcome.DECLINE,
        )
        for payment in payments
    ]
    return timeline.draw(drawn, currency=headline.currency, until=until, span=span)


def _facts(headline: Decision, others: Sequence[Decision]) -> list[evidence.Fact]:
    record = headline.record
    usual = timeline.usual_amount(
        [timeline.Payment(p.occurred_at, p.amount, p.currency) for p in others], headline.currency
    )
    return [
        evidence.Fact("Usual payment", *_usual_words(usual, headline, len(others))),
        evidence.habit_fact(
            "Device",
            "device",
            headline.device_id,
            others,
            lambda other: other.device_id == headline.device_id,
            shown=words.ending(headline.device_id),
        ),
        evidence.habit_fact(
            "IP address",
            "ip",
            headline.ip_address or "",
            others,
            lambda other: other.ip_address == headline.ip_address,
        ),
        evidence.habit_fact(
            "Shop",
            "merchant",
            headline.merchant_id,
            others,
            lambda other: other.merchant_id == headline.merchant_id,
        ),
        evidence.place_fact(record.get("merchant_country"), record.get("card_country")),
        evidence.Fact("Customer", headline.customer_id or "not sent", kind="customer", entity=headline.customer_id),
    ]


def _usual_words(usual: Decimal | None, headline: Decision, others: int) -> tuple[str, str]:
    if usual is None and others:
        return f"none in {headline.currency}", f"{words.count(others, 'payment')} in another currency"
    if usual is None:
        return "none yet", "first payments of this card"
    times = headline.amount / usual
    note = (
        f"this is {times:,.0f} times that"
        if times >= 2
        else "this is near it"
        if times > Decimal("0.5")
        else "this is less"
    )
    return f"{money.shown(usual, headline.currency)} {headline.currency}", note
