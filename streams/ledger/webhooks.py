"""What verdicts on held payments had to cause for webhooks: a message for each endpoint, and somebody who sends it."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from cases.models import Verdict, VerdictPayment
from scoring.models import Outcome, WebhookDelivery, WebhookEndpoint
from streams.ledger.effects import OVERDUE_AFTER
from streams.ledger.log import Span
from streams.ledger.report import Check

# An endpoint that is being made or switched on is seen by transactions that begin a moment later.
_SEEN_AFTER = timedelta(minutes=1)


def check_webhooks(check: Check, span: Span) -> None:
    """Each held payment of a verdict was told to the endpoints that are active since before, and messages are sent."""
    check.count("webhook messages", _made_in(span).count())
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
    told = WebhookDelivery.objects.filter(
        endpoint=endpoint, decision=OuterRef("decision"), created_at=OuterRef("verdict__settled_at")
    )
    payments = VerdictPayment.objects.filter(
        ~Exists(told),
        verdict__state=Verdict.State.DONE,
        verdict__settled_at__gt=endpoint.active_since + _SEEN_AFTER,
        decision__outcome=Outcome.REVIEW,
    ).exclude(label="")
    if span.since is not None:
        payments = payments.filter(verdict__settled_at__gte=span.since)
    if span.until is not None:
        payments = payments.filter(verdict__settled_at__lte=span.until)
    for verdict_id, name in payments.order_by("id").values_list("verdict_id", "decision__transaction_id")[:5]:
        check.fault(f"webhook {endpoint} was not told of {name} by verdict {verdict_id}", number=0)
    check.faults += payments.count()


def _made_in(span: Span) -> QuerySet[WebhookDelivery]:
    made = WebhookDelivery.objects.all()
    if span.since is not None:
        made = made.filter(created_at__gte=span.since)
    if span.until is not None:
        made = made.filter(created_at__lte=span.until)
    return made
