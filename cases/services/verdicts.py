"""Verdicts: decide a case and label its payments, once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cases import words
from cases.models import Case, CaseEvent
from cases.services import checks, claims
from scoring.models import Decision, Label
from scoring.services.labels import LabelStatement, record_labels

RECENT = timedelta(hours=24)


class AlreadyDecidedError(Exception):
    """The case had a verdict, which stands; nothing changed."""


class CaseGrewError(Exception):
    """A payment joined the case after the analyst looked; nothing changed."""


@transaction.atomic
def record(  # noqa: PLR0913 - what the analyst filled in, each by name
    *,
    case: Case,
    analyst: User,
    verdict: str,
    typology: str,
    note: str,
    decided_at: datetime,
    include_recent: bool = False,
    seen_alerts: int | None = None,
) -> int:
    """Decide an open case and label its payments; returns how many were labelled.

    An inconclusive verdict labels nothing. `include_recent` labels the card's other payments of the last 24
    hours too. With `seen_alerts` the verdict only holds for a case with as many payments as the analyst saw.

    Raises:
        AlreadyDecidedError: somebody was faster.
        CaseGrewError: the case has other payments than the analyst saw.
        claims.ClaimedByOtherError: somebody else works on it.
    """
    _decide(
        case,
        analyst=analyst,
        verdict=verdict,
        typology=typology,
        decided_at=decided_at,
        seen_alerts=seen_alerts,
    )
    labelled = 0
    if verdict != Case.Verdict.INCONCLUSIVE:
        transaction_ids = _transactions_of(case, decided_at=decided_at, include_recent=include_recent)
        _label(transaction_ids, verdict=verdict, known_at=decided_at, note=note, author=analyst)
        labelled = len(transaction_ids)
    took = claims.end_by_verdict(case, analyst=analyst, now=decided_at)
    text = _event_text(verdict, typology=typology, labelled=labelled, took=took)
    CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.VERDICT, actor=analyst, happened_at=decided_at, text=text)
    if note:
        CaseEvent.objects.create(case=case, kind=CaseEvent.Kind.NOTE, actor=analyst, happened_at=decided_at, text=note)
    checks.consider(case, analyst=analyst, verdict=verdict, typology=typology, decided_at=decided_at)
    return labelled


def _decide(
    case: Case, *, analyst: User, verdict: str, typology: str, decided_at: datetime, seen_alerts: int | None
) -> None:
    # The conditional UPDATE lets the database pick the winner when two analysts submit at once, and an alert
    # that is joining at the same moment comes either before it (and is labelled) or into a new case. A check
    # in Python would let both through.
    as_seen = Q() if seen_alerts is None else Q(alert_count=seen_alerts)
    decided = Case.objects.filter(
        as_seen, claims.free_for(analyst, decided_at), id=case.id, status=Case.Status.OPEN
    ).update(
        status=Case.Status.DECIDED,
        verdict=verdict,
        typology=typology,
        decided_by=analyst,
        decided_at=decided_at,
        claimed_by=None,
        claimed_until=None,
    )
    if not decided:
        _explain_refusal(case, seen_alerts=seen_alerts)


def _explain_refusal(case: Case, *, seen_alerts: int | None) -> None:
    current = Case.objects.get(id=case.id)
    if current.status != Case.Status.OPEN:
        raise AlreadyDecidedError(case.id)
    if seen_alerts is not None and current.alert_count != seen_alerts:
        raise CaseGrewError(case.id)
    raise claims.ClaimedByOtherError(case.id)


def _transactions_of(case: Case, *, decided_at: datetime, include_recent: bool) -> list[str]:
    mine = Q(alert__case=case)
    if include_recent:
        mine |= Q(card_id=case.card_id, occurred_at__gt=decided_at - RECENT, occurred_at__lte=decided_at)
    return list(Decision.objects.filter(mine).order_by("id").values_list("transaction_id", flat=True))


def _label(transaction_ids: Iterable[str], *, verdict: str, known_at: datetime, note: str, author: User) -> None:
    statements = [
        LabelStatement(
            transaction_id=transaction_id,
            label=verdict,
            source=Label.Source.ANALYST.value,
            known_at=known_at,
            note=note[:500],
        )
        for transaction_id in transaction_ids
    ]
    record_labels(statements, author=author)


def _event_text(verdict: str, *, typology: str, labelled: int, took: timedelta | None) -> str:
    said = Case.Verdict(verdict).label
    if typology:
        said += f", {Case.Typology(typology).label.lower()}"
    said += f": {words.count(labelled, 'payment')} labelled" if labelled else ": nothing labelled"
    return said if took is None else f"{said}, decided in {words.duration(took)}"
