"""What verdicts on held payments had to cause for webhooks: a message for each endpoint, and somebody who sends it."""

from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from cases.models import Alert, Case, Verdict, VerdictPayment
from scoring.models import Outcome, WebhookDelivery, WebhookEndpoint
from streams.ledger.effects import OVERDUE_AFTER
from streams.ledger.log import Span
from streams.ledger.report import Check

_Row = TypeVar("_Row", bound=Model)
# An endpoint that is being made or switched on is seen by transactions that begin a moment later.
_SEEN_AFTER = timedelta(minutes=1)


def check_webhooks(check: Check, span: Span) -> None:
    """What was said of each held payment was told to the endpoints active since before, and messages are sent."""
    check.count("webhook messages", _within(WebhookDelivery.objects.all(), span, "created_at").count())
    _check_sending(check)
    for endpoint in WebhookEndpoint.objects.filter(is_active=True).order_by("id"):
        _check_told(check, span, endpoint)


def _check_sending(check: Check) -> None:
    due = WebhookDelivery.objects.filter(
        Q(leased_until=None) | Q(leased_until__lt=Now() - OVERDUE_AFTER),
        state=WebhookDelivery.State.WAITING,
        endpoint__is_active=True,
        next_attempt_at__lt=Now() - OVERDUE_AFTER,
    )
    if count := due.count():
        check.fault(f"{count} webhook messages are due for more than a minute and nobody sends them", number=count)


def _check_told(check: Check, span: Span, endpoint: WebhookEndpoint) -> None:
    since = endpoint.active_since + _SEEN_AFTER
    messages = WebhookDelivery.objects.filter(endpoint=endpoint, decision=OuterRef("decision"))
    by_people = _within(_spoken(), span, "verdict__settled_at").filter(
        ~Exists(messages.filter(created_at=OuterRef("verdict__settled_at"))),
        verdict__settled_at__gt=since,
        decision__outcome=Outcome.REVIEW,
    )
    _report(check, f"webhook {endpoint} was not told what a verdict says of", by_people)
    by_clock = _within(_closed_by_clock(), span, "case__decided_at").filter(
        ~Exists(messages.filter(created_at=OuterRef("case__decided_at"))), case__decided_at__gt=since
    )
    _report(check, f"webhook {endpoint} was not told what the clock says of", by_clock)


def _spoken() -> QuerySet[VerdictPayment]:
    return VerdictPayment.objects.filter(verdict__state=Verdict.State.DONE).exclude(label="")


def _closed_by_clock() -> QuerySet[Alert]:
    """Held payments in cases that nobody decided in time, without those that people have spoken about."""
    people = _spoken().filter(decision=OuterRef("decision"))
    closed = Alert.objects.filter(case__status=Case.Status.DECIDED, case__decided_by=None)
    held = closed.filter(~Exists(people), decision__outcome=Outcome.REVIEW)
    return held.exclude(case__verdict=Case.Verdict.INCONCLUSIVE)


def _report(check: Check, words: str, payments: QuerySet[Any]) -> None:
    names = list(payments.order_by("id").values_list("decision__transaction_id", flat=True)[:5])
    for name in names:
        check.fault(f"{words} {name}", number=0)
    if names:
        check.faults += payments.count()


def _within(rows: QuerySet[_Row], span: Span, time: str) -> QuerySet[_Row]:
    if span.since is not None:
        rows = rows.filter(**{f"{time}__gte": span.since})
    return rows if span.until is None else rows.filter(**{f"{time}__lte": span.until})
