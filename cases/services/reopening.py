"""Cases that are opened again: a verdict undone, refused, or looked at once more."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from cases import money, words
from cases.models import Alert, Attachment, Case, CaseEvent, CaseTag, FeedEntry, Handling, Presence, Verdict
from cases.models.headline import HEADLINE_FIELDS
from cases.queries.queues import desk_of
from cases.services import claims, handlings, queues


class TooLateError(Exception):
    """The verdict is settled: its effects left, or it was undone or refused before. Nothing changed."""


class NotTheirsError(Exception):
    """Only who said a verdict takes it back; nothing changed."""


class NotDecidedError(Exception):
    """The case has no verdict that has taken effect: it is open, or can still be undone. Nothing changed."""


class HasOpenCaseError(Exception):
    """The card has an open case, where to go on; nothing changed."""

    def __init__(self, case: Case) -> None:
        super().__init__(str(case.id))
        self.case = case


@transaction.atomic
def undo(*, verdict: Verdict, analyst: User, now: datetime) -> Case:
    """Take a verdict back that has not taken effect; the case is the analyst's again, and their handling goes on.

    Has the card an older open case, it goes on there: the analyst's, unless somebody works on it or it is in a queue
    they do not see.

    Raises:
        TooLateError: its effects have left, or somebody settled it before.
        NotTheirsError: somebody else said it.
    """
    queues.lock_opening()
    # The conditional UPDATE picks one: this, or the worker that lets the effects leave.
    mine = Verdict.objects.filter(id=verdict.id, analyst=analyst, state__in=Verdict.UNSETTLED)
    if not mine.update(state=Verdict.State.UNDONE, settled_at=now, settled_by=analyst):
        raise TooLateError(verdict.id) if verdict.analyst_id == analyst.id else NotTheirsError(verdict.id)
    _remember(verdict.case_id, CaseEvent.Kind.UNDONE, actor=analyst, now=now, text=verdict.get_verdict_display())
    case = open_again(verdict.case_id, actor=analyst, now=now)
    if claims.is_running(case, now) or not desk_of(analyst).sees(case.queue_id):
        return case
    claims.end_expired([case], now=now)
    if not handlings.resume(case.id, analyst=analyst, ended_at=verdict.said_at):
        handlings.start(case.id, analyst=analyst, now=now, is_looking=True)
    claims.grant(case, analyst=analyst, now=now)
    return case


@transaction.atomic
def reopen(*, case: Case, actor: User, reason: str, now: datetime) -> None:
    """Look at a decided case once more. Its labels stand until another verdict says otherwise.

    Raises:
        NotDecidedError: it is open, or its verdict can still be undone.
        HasOpenCaseError: the card's newer payments are looked at elsewhere.
    """
    queues.lock_opening()
    current = Case.objects.select_for_update().get(id=case.id)
    if current.status != Case.Status.DECIDED or current.verdicts.filter(state=Verdict.State.WAITING).exists():
        raise NotDecidedError(case.id)
    newer = Case.objects.filter(card_id=case.card_id, status=Case.Status.OPEN).first()
    if newer is not None:
        raise HasOpenCaseError(newer)
    _remember(case.id, CaseEvent.Kind.REOPENED, actor=actor, now=now, text=reason)
    open_again(case.id, actor=actor, now=now)
    # The time of before is over, kept or not.
    queue = current.queue or queues.default_queue()
    Case.objects.filter(id=case.id).update(**queues.placement(queue, due_at=queues.due_in(queue, now)))
    hand_to(current, analyst=actor, now=now)


def hand_to(case: Case, *, analyst: User, now: datetime) -> None:
    """Claim the case that was just opened again for somebody; it is free again when they do not come.

    An older case of the card, into which it went, stays with whoever works on it; one in a queue they do not see is
    claimed for nobody.
    """
    if claims.is_running(case, now) or not desk_of(analyst).sees(case.queue_id):
        return
    claims.end_expired([case], now=now)
    handlings.start(case.id, analyst=analyst, now=now, is_looking=False)
    claims.grant(case, analyst=analyst, now=now)
    _remember(case.id, CaseEvent.Kind.CLAIMED, actor=analyst, now=now, text="Opened again")


def open_again(case_id: UUID, *, actor: User, now: datetime) -> Case:
    """Make a case open that was not, with what a newer open case of the card holds. After `queues.lock_opening`.

    Is the card's open case the older one, this case goes into that. Returns the one that is open.
    """
    case = Case.objects.select_for_update().get(id=case_id)
    other = Case.objects.select_for_update().filter(card_id=case.card_id, status=Case.Status.OPEN).first()
    if other is not None and other.opened_at < case.opened_at:
        return _go_into(other, case, actor=actor, now=now)
    if other is not None:
        _merge(other, into=case, actor=actor, now=now)
    if case.queue is not None:
        # Changed, perhaps, while the case was none of its open ones.
        case.half_life_minutes = case.queue.half_life_minutes
    case.status, case.verdict, case.typology = Case.Status.OPEN, "", ""
    case.decided_by = case.decided_at = None
    case.save()
    return case


def _go_into(older: Case, case: Case, *, actor: User, now: datetime) -> Case:
    _merge(case, into=older, actor=actor, now=now)
    if older.is_snoozed(now):
        CaseEvent.objects.create(case=older, kind=CaseEvent.Kind.WOKEN, happened_at=now, text="a newer case joined")
        older.snoozed_until = None
    older.save()
    return older


def _merge(newer: Case, *, into: Case, actor: User, now: datetime) -> None:
    """Move alerts, feed entries and history of the newer case; whoever works on it is told by its page."""
    moved = Alert.objects.filter(case=newer).update(case=into)
    FeedEntry.objects.filter(case=newer).update(case=into)
    CaseEvent.objects.filter(case=newer).update(case=into)
    # What both have stays with the newer one, which the history names.
    CaseTag.objects.filter(case=newer).exclude(tag__in=into.tags.all()).update(case=into)
    kept = Attachment.objects.filter(case=into, removed_at=None).values("sha256")
    Attachment.objects.filter(case=newer).exclude(sha256__in=kept).update(case=into)
    Presence.objects.filter(case=newer).delete()
    _add_stake(into, newer)
    worker = newer.claimed_by if newer.claimed_until is not None and newer.claimed_until >= now else None
    handlings.end([newer.id], ending=Handling.Ending.RELEASED, now=now)
    undecided: dict[str, Any] = {"verdict": "", "typology": "", "decided_by": None, "decided_at": None}
    Case.objects.filter(id=newer.id).update(
        status=Case.Status.MERGED, merged_into=into, claimed_by=None, claimed_until=None, **undecided
    )
    text = f"{words.count(moved, 'payment')} of the card's newer case"
    text += f", which {words.person(worker)} was working on" if worker else ""
    _remember(into.id, CaseEvent.Kind.MERGED, actor=actor, now=now, text=text)
    _remember(newer.id, CaseEvent.Kind.MERGED, actor=actor, now=now, text=f"Into case {into.id}")


def _add_stake(case: Case, other: Case) -> None:
    """Show the payment with the most at stake of both."""
    if money.stake_of(other.amount, other.score) > money.stake_of(case.amount, case.score):
        case.amount, case.currency, case.score = other.amount, other.currency, other.score
        case.top_reason = other.top_reason
        for name in HEADLINE_FIELDS:
            setattr(case, name, getattr(other, name))
    case.stake += other.stake
    case.alert_count += other.alert_count


def _remember(case_id: UUID, kind: CaseEvent.Kind, *, actor: User, now: datetime, text: str) -> None:
    CaseEvent.objects.create(case_id=case_id, kind=kind, actor=actor, happened_at=now, text=text)
