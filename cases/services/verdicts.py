"""Verdicts: decide a case once. What follows leaves later, when nobody has taken it back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cases import words
from cases.hands import key_id_of
from cases.models import Case, CaseEvent, Verdict, VerdictPayment
from cases.services import approvals, claims, verdict_effects
from cases.services.verdict_payments import Judged, judge


class AlreadyDecidedError(Exception):
    """The case is open no more: it has a verdict, which stands, or it was merged. Nothing changed."""


class CaseGrewError(Exception):
    """A payment joined the case after the analyst looked; nothing changed."""


@transaction.atomic
def record(  # noqa: PLR0913 - what the analyst filled in, each by name
    *,
    case: Case,
    analyst: User,
    verdict: str,
    decided_at: datetime,
    typology: str = "",
    why_wrong: str = "",
    note: str = "",
    overrides: Mapping[int, str] | None = None,
    include_recent: bool = False,
    recent: Collection[int] | None = None,
    block_days: int | None = None,
    allow_device: str = "",
    block_device: str = "",
    block_ip: str = "",
    seen_alerts: int | None = None,
) -> Verdict:
    """Decide an open case. Labels, list entries and messages leave `VERDICT_UNDO_SECONDS` later, unless undone.

    A verdict above an approval limit decides nothing yet: the case waits for a second person.

    overrides: ids of payments of the case (decisions) to fraud, legitimate or "" (no label); the others get the
        verdict's label, with inconclusive none.
    include_recent, recent: the card's other payments of the last 7 days get the verdict's label too; all of them, or
        those with the ids in `recent`.
    block_days: how long a fraud verdict blocks the card; 0 for ever, None not at all.
    block_device, block_ip: device and address of payments of the case that a fraud verdict blocks as long as the card.
    allow_device: the device of a payment of the case that a legitimate verdict lets through for 30 days.
    seen_alerts: the verdict only holds for a case with as many payments as the analyst saw.

    Raises:
        AlreadyDecidedError: somebody was faster.
        CaseGrewError: the case has other payments than the analyst saw.
        claims.ClaimedByOtherError: somebody else works on it.
        verdict_payments.UnknownPaymentError: an override names a payment that is not the case's, or no label.
    """
    _decide(case, analyst=analyst, verdict=verdict, typology=typology, decided_at=decided_at, seen_alerts=seen_alerts)
    chosen = recent if include_recent else ()
    judged = judge(case, verdict=verdict, overrides=overrides or {}, recent=chosen, now=decided_at)
    said = Verdict(
        case=case,
        verdict=verdict,
        typology=typology,
        why_wrong=why_wrong,
        note=note,
        analyst=analyst,
        api_key_id=key_id_of(analyst),
        said_at=decided_at,
    )
    _write(said, judged)
    verdict_effects.plan(
        said,
        judged,
        block_days=block_days,
        allow_device=allow_device,
        block_device=block_device,
        block_ip=block_ip,
    )
    took = claims.end_by_verdict(case, analyst=analyst, now=decided_at)
    _remember(said, CaseEvent.Kind.VERDICT, _event_text(said, judged, took=took))
    if note and not _was_noted(said):
        _remember(said, CaseEvent.Kind.NOTE, note)
    return said


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
        snoozed_until=None,
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


def _write(said: Verdict, judged: Sequence[Judged]) -> None:
    """Store the verdict with its payments; the case waits with it when a second person has to approve."""
    said.needs_approval = approvals.is_needed(said.verdict, judged, approvals.limits())
    if said.needs_approval:
        said.state = Verdict.State.APPROVAL
        waiting: dict[str, Any] = {"verdict": "", "typology": "", "decided_by": None, "decided_at": None}
        Case.objects.filter(id=said.case_id).update(status=Case.Status.APPROVAL, **waiting)
    else:
        said.effects_at = said.said_at + timedelta(seconds=settings.VERDICT_UNDO_SECONDS)
    said.save(force_insert=True)
    VerdictPayment.objects.bulk_create(
        VerdictPayment(verdict=said, decision=one.payment, label=one.label) for one in judged
    )


def _was_noted(said: Verdict) -> bool:
    """Whether the note stands there already: of a verdict that was taken back and is said again."""
    notes = CaseEvent.objects.filter(case=said.case_id, kind=CaseEvent.Kind.NOTE, actor=said.analyst)
    return notes.filter(text=said.note).exists()


def _remember(said: Verdict, kind: CaseEvent.Kind, text: str) -> None:
    CaseEvent.objects.create(case=said.case, kind=kind, actor=said.analyst, happened_at=said.said_at, text=text)


def _event_text(said: Verdict, judged: Sequence[Judged], *, took: timedelta | None) -> str:
    labelled = sum(bool(one.label) for one in judged)
    kind = said.get_typology_display() or said.get_why_wrong_display()
    text = f"{said.get_verdict_display()}, {kind.lower()}" if kind else said.get_verdict_display()
    text += f": {words.count(labelled, 'payment')} to label" if labelled else ": nothing to label"
    text += ", waits for approval" if said.needs_approval else ""
    return text if took is None else f"{text}, decided in {words.duration(took)}"
