"""A decided case as it was before its first verdict, for who reviews it blind."""

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cases import snooze
from cases.models import Case, CaseEvent, Check
from cases.queries.case_detail import CaseDetail, case_detail
from cases.queries.case_lists import CaseLists
from cases.queries.casework import CaseWork
from cases.queries.history import PAGE, History, event_entry, lookers_of
from cases.queries.queues import Desk
from cases.queries.verdict_panel import VerdictPanel, verdict_panel
from cases.services.claims import lease_words
from scoring.models import ApiKey


@dataclass(frozen=True)
class BlindCase:
    """`case` looks open and claimed and is never saved; `now` goes on from the moment of the first verdict."""

    case: Case
    detail: CaseDetail
    panel: VerdictPanel
    now: datetime


def blind_case(check: Check, *, desk: Desk, now: datetime) -> BlindCase:
    moment = clock_of(check, now=now)
    case = undecided(check, now=now)
    detail = case_detail(case, desk=desk, as_of=check.as_of)
    return BlindCase(case, detail, _panel(case, detail, now=moment), moment)


def _panel(case: Case, detail: CaseDetail, *, now: datetime) -> VerdictPanel:
    """What a verdict would cause, as if none had been said."""
    panel = verdict_panel(case, detail.alerts, now=now)
    for payment in panel.recent:
        payment.label = None  # type: ignore[attr-defined]
    return replace(panel, last=None, lifts_block=False)


def lists_before(listed: CaseLists, check: Check) -> CaseLists:
    """Without what was put on a list since the first verdict, whoever put it there."""
    standing = [
        replace(one, entries=[entry for entry in one.entries if entry.created_at < check.as_of])
        for one in listed.standing
    ]
    return replace(listed, standing=standing)


def blind_history(check: Check, *, lag: timedelta) -> History:
    """What the history of a case that was just claimed shows: how it opened and grew, its analyst's claim and looks.

    lag: by how much the clock it is told by is ahead of the case's own, `lag_of` for the time of day.
    """
    kinds = [CaseEvent.Kind.OPENED, CaseEvent.Kind.JOINED]
    before = check.case.events.filter(kind__in=kinds, happened_at__lt=check.as_of).order_by("-happened_at", "-id")
    claimed = CaseEvent(
        id=0,
        kind=CaseEvent.Kind.CLAIMED,
        actor=check.analyst,
        api_key=check.api_key,
        happened_at=check.as_of,
        text=lease_words(),
    )
    entries = [event_entry(event) for event in [claimed, *before[:PAGE]]]
    # The looks are of today.
    ahead = lag - lag_of(check)
    looks = [
        replace(one, first=one.first + ahead, last=one.last + ahead)
        for one in lookers_of(check.case, by=check.analyst, since=_taken_at(check))
    ]
    return History(entries=[replace(one, at=one.at + lag) for one in entries], lookers=looks, older="")


def no_work(case: Case, *, now: datetime, may_pass_due: bool) -> CaseWork:
    """Nothing that others have added to the case."""
    choices = snooze.choices(now=now, due_at=case.due_at, may_pass_due=may_pass_due)
    return CaseWork(tags=[], files=[], choices=choices, may_snooze=True, may_remove_others=False)


def undecided(check: Check, *, now: datetime) -> Case:
    """The case, as open as it was."""
    assert check.taken_until is not None  # somebody holds it
    case = copy(check.case)
    case.status, case.verdict, case.typology = Case.Status.OPEN, "", ""
    case.decided_by = case.decided_at = None
    case.claimed_by, case.claimed_until = check.analyst, check.as_of + (check.taken_until - _taken_at(check))
    return case


def clock_of(check: Check, *, now: datetime) -> datetime:
    """The time the reviewer sees: the time left at the first verdict runs on from there."""
    return check.as_of + (now - _taken_at(check))


def lag_of(check: Check) -> timedelta:
    """By how much the time of day is ahead of the case's own clock."""
    return _taken_at(check) - check.as_of


def own_notes(check: Check, *, lag: timedelta) -> list[CaseEvent]:
    """What the reviewer wrote, as notes of the case would look, the newest first; `lag` as of `blind_history`."""
    # A process of an older version that took the review left the notes of whoever had it before.
    own = [one for one in check.notes if datetime.fromisoformat(one["at"]) >= _taken_at(check)]
    keys = ApiKey.objects.in_bulk([one["api_key"] for one in own if one["api_key"] is not None])
    ahead = lag - lag_of(check)
    return [
        CaseEvent(
            kind=CaseEvent.Kind.NOTE,
            actor=check.analyst,
            api_key=keys.get(one["api_key"]),
            happened_at=datetime.fromisoformat(one["at"]) + ahead,
            text=one["text"],
        )
        for one in reversed(own)
    ]


def _taken_at(check: Check) -> datetime:
    assert check.taken_at is not None  # a constraint
    return check.taken_at
