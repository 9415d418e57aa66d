"""What verdicts had to cause: effects that left in time, labels in the ledger."""

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from cases.models import Verdict, VerdictEffect, VerdictPayment
from scoring.models import Label
from streams.ledger.effects import OVERDUE_AFTER
from streams.ledger.log import Span
from streams.ledger.report import Check


def check_verdicts(check: Check, span: Span) -> None:
    """Each verdict whose time is over has taken effect, wholly, and no other has."""
    said = _said_in(span)
    done = said.filter(state=Verdict.State.DONE)
    check.count("verdicts in effect", done.count())
    late = said.filter(state=Verdict.State.WAITING, effects_at__lt=Now() - OVERDUE_AFTER)
    _report(check, "should have taken effect more than a minute ago", late)
    payments = VerdictPayment.objects.filter(verdict=OuterRef("pk")).exclude(label="")
    _report(check, "is in effect, and a label of it is missing", done.filter(Exists(payments.filter(~_is_labelled()))))
    effects = VerdictEffect.objects.filter(verdict=OuterRef("pk"))
    _report(check, "is in effect, and an effect of it has not left", done.filter(Exists(effects.filter(left_at=None))))
    others = said.exclude(state=Verdict.State.DONE)
    _report(
        check, "is not in effect, and an effect of it has left", others.filter(Exists(effects.exclude(left_at=None)))
    )


def _is_labelled() -> Exists:
    return Exists(
        Label.objects.filter(
            decision=OuterRef("decision"),
            source=Label.Source.ANALYST,
            label=OuterRef("label"),
            known_at=OuterRef("verdict__said_at"),
        )
    )


def _said_in(span: Span) -> QuerySet[Verdict]:
    said = Verdict.objects.all()
    if span.since is not None:
        said = said.filter(said_at__gte=span.since)
    if span.until is not None:
        said = said.filter(said_at__lte=span.until)
    return said


def _report(check: Check, words: str, verdicts: QuerySet[Verdict]) -> None:
    ids = list(verdicts.order_by("id").values_list("id", flat=True)[:5])
    for verdict_id in ids:
        check.fault(f"verdict {verdict_id} {words}", number=0)
    if ids:
        check.faults += verdicts.count()
