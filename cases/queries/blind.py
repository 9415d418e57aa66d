"""A decided case as it was before its first verdict, for who reviews it blind."""

from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime

from cases.models import Case, CaseEvent, Check
from cases.queries.case_detail import CaseDetail, case_detail
from cases.services.claims import lease_words


@dataclass(frozen=True)
class BlindCase:
    """`case` looks open and claimed and is never saved; `now` goes on from the moment of the first verdict."""

    case: Case
    detail: CaseDetail
    now: datetime


def blind_case(check: Check, *, now: datetime) -> BlindCase:
    moment = clock_of(check, now=now)
    case = undecided(check, now=now)
    detail = case_detail(case, now=moment, as_of=check.as_of)
    return BlindCase(case, replace(detail, events=[*_own_events(check), *detail.events]), moment)


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


def own_notes(check: Check, *, now: datetime) -> list[CaseEvent]:
    """What the reviewer wrote, as notes of the case would look."""
    if not check.note:
        return []
    moment = clock_of(check, now=now)
    return [CaseEvent(kind=CaseEvent.Kind.NOTE, actor=check.analyst, happened_at=moment, text=check.note.strip())]


def _own_events(check: Check) -> list[CaseEvent]:
    """What the history of a claimed case shows of its analyst."""
    told = [(CaseEvent.Kind.VIEWED, ""), (CaseEvent.Kind.CLAIMED, lease_words())]
    return [CaseEvent(kind=kind, actor=check.analyst, happened_at=check.as_of, text=text) for kind, text in told]


def _taken_at(check: Check) -> datetime:
    assert check.taken_at is not None  # a constraint
    return check.taken_at
