"""Everything the case page shows, in a fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F, QuerySet

from cases import evidence, money, timeline, words
from cases.models import Case, CaseEvent
from cases.queries.related import Related, related_to, with_label
from cases.services.verdicts import RECENT
from scoring.models import Decision

_MAX_PAYMENTS = 300
_MAX_EVENTS = 100


@dataclass(frozen=True)
class CaseDetail:
    case: Case
    headline: Decision
    alerts: list[Decision]
    bars: list[evidence.ReasonBar]
    facts: list[evidence.Fact]
    timeline: timeline.Timeline
    related: list[Related]
    events: list[CaseEvent]
    notes: list[CaseEvent]
    recent_count: int


def case_detail(case: Case, *, now: datetime, as_of: datetime | None = None) -> CaseDetail:
    """With `as_of`: what was known of it and around it before that moment, but for who looked at it and claimed it."""
    alerts = list(with_label(Decision.objects.filter(alert__case=case), as_of=as_of).order_by("-occurred_at"))
    headline = max(alerts, key=lambda alert: (money.stake_of(alert.amount, alert.score), alert.id))
    until = alerts[0].occurred_at
    payments = _payments_of_card(case, since=until - timeline.MONTH, until=until, as_of=as_of)
    if as_of is not None:
        _forget_labels([*alerts, *(payment for payment in payments if _is_in(case, payment))])
    events = list(_events_of(case, as_of=as_of))
    return CaseDetail(
        case=case,
        headline=headline,
        alerts=alerts,
        bars=evidence.reason_bars(headline.reasons),
        facts=_facts(headline, [payment for payment in payments if not _is_in(case, payment)]),
        timeline=_timeline(case, headline, payments, until=until),
        related=related_to(headline, as_of=as_of),
        events=events,
        notes=_notes_in(events),
        recent_count=_count_recent(case, now=now),
    )


def notes_of(case: Case) -> list[CaseEvent]:
    return _notes_in(_events_of(case))


def _notes_in(events: Iterable[CaseEvent]) -> list[CaseEvent]:
    """Notes, and reasons for skipping: what one analyst tells the next."""
    kinds = {CaseEvent.Kind.NOTE, CaseEvent.Kind.SKIPPED}
    return [event for event in events if event.kind in kinds and event.text]


def _events_of(case: Case, *, as_of: datetime | None = None) -> QuerySet[CaseEvent]:
    events = case.events.select_related("actor").order_by("-happened_at", "-id")
    if as_of is not None:
        # Nor what the first analyst wrote on the way to the verdict: the second shall come to their own.
        kinds = [CaseEvent.Kind.OPENED, CaseEvent.Kind.JOINED]
        events = events.filter(kind__in=kinds, happened_at__lt=as_of)
    return events[:_MAX_EVENTS]


def _payments_of_card(case: Case, *, since: datetime, until: datetime, as_of: datetime | None) -> list[Decision]:
    """The newest 300 up to the case's last alert, newest first: what came later is not what the analyst judges."""
    payments = Decision.objects.filter(card_id=case.card_id, occurred_at__gte=since, occurred_at__lte=until)
    payments = with_label(payments.defer("features", "record", "reasons"), as_of=as_of).annotate(
        case_id=F("alert__case_id")
    )
    return list(payments.order_by("-occurred_at")[:_MAX_PAYMENTS])


def _forget_labels(payments: Iterable[Decision]) -> None:
    """Whatever is known of the case's own payments tells the verdict that is to be found, or gives it away."""
    for payment in payments:
        payment.label = payment.label_source = None  # type: ignore[attr-defined]


def _count_recent(case: Case, *, now: datetime) -> int:
    recent = Decision.objects.filter(card_id=case.card_id, occurred_at__gt=now - RECENT, occurred_at__lte=now)
    return recent.exclude(alert__case=case).count()


def _is_in(case: Case, payment: Decision) -> bool:
    return payment.case_id == case.id  # type: ignore[attr-defined, no-any-return]


def _timeline(case: Case, headline: Decision, payments: Sequence[Decision], *, until: datetime) -> timeline.Timeline:
    drawn = [
        timeline.Payment(
            occurred_at=payment.occurred_at,
            amount=payment.amount,
            currency=payment.currency,
            is_alert=_is_in(case, payment),
            label=payment.label or "",  # type: ignore[attr-defined]
            where=payment.merchant_name or payment.merchant_id,
        )
        for payment in payments
    ]
    return timeline.draw(drawn, currency=headline.currency, until=until)


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
