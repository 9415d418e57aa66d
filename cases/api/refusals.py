"""What the services refuse, as problems a program can act on: each says which it is in `refusal`."""

from collections.abc import Callable
from typing import Literal

from django.http import JsonResponse

from cases import snooze as times
from cases import words
from cases.models import Case
from cases.services import approvals, checks, claims, escalations, queues, reopening, verdicts
from cases.services.tags import MAX_TAGS, TooManyTagsError
from scoring.api.problems import problem

Kind = Literal[
    "claimed", "not_open", "grown", "snoozed", "released", "nobody", "moved", "too_late", "not_decided",
    "has_open_case", "nothing_waits",
]  # fmt: skip


_RELEASED = "The case was released meanwhile. Nothing was changed; read it again."


def answer(refusal: Exception, case: Case) -> JsonResponse:
    """The problem of one of `REFUSALS`; the case is read again, for it has changed."""
    case = Case.objects.select_related("claimed_by").get(id=case.id)
    return _ANSWERS[type(refusal)](refusal, case)


def _claimed(refusal: Exception, case: Case) -> JsonResponse:
    holder, until = case.claimed_by, case.claimed_until
    if holder is None or until is None:
        # Given back in this very moment.
        return _conflict("claimed", "Somebody else had the case just now. Try again.")
    said = f"{words.person(holder)} works on this case until {until:%H:%M:%S} UTC. Nothing was changed."
    return _conflict("claimed", said, claimed_by=holder.get_username(), claimed_until=until.isoformat())


def _not_open(refusal: Exception, case: Case) -> JsonResponse:
    # Not by whom, nor what was said: who reviewed it blind, and let it go, is told no more here.
    said = {
        Case.Status.MERGED.value: "The case was merged into an older one of the card: `merged_into`.",
        Case.Status.APPROVAL.value: "A verdict was said on this case and waits for approval.",
    }.get(case.status, "This case is not open any more.")
    more = {"merged_into": str(case.merged_into_id)} if case.merged_into_id else {}
    return _conflict("not_open", f"{said} Nothing was changed.", status_of_case=case.status, **more)


def _grown(refusal: Exception, case: Case) -> JsonResponse:
    has = words.count(case.alert_count, "payment")
    said = f"The case has {has}, other than in `seen_alerts`. Nothing was changed; read it again."
    return _conflict("grown", said, alert_count=case.alert_count)


def _snoozed(refusal: Exception, case: Case) -> JsonResponse:
    until = case.snoozed_until.isoformat() if case.snoozed_until else ""
    return _conflict("snoozed", "The case is snoozed: wake it first. Nothing was changed.", snoozed_until=until)


def _field(name: str, message: str) -> JsonResponse:
    return problem(422, "The request is not valid.", errors=[{"field": name, "message": message}])


def _conflict(kind: Kind, said: str, **more: object) -> JsonResponse:
    return problem(409, said, more={"refusal": kind, **more})


def _as_said(kind: Kind, said: str) -> Callable[[Exception, Case], JsonResponse]:
    return lambda refusal, case: _conflict(kind, said)


_ANSWERS: dict[type[Exception], Callable[[Exception, Case], JsonResponse]] = {
    claims.ClaimedByOtherError: _claimed,
    claims.NotOpenError: _not_open,
    claims.SnoozedError: _snoozed,
    claims.ReleasedError: _as_said("released", _RELEASED),
    verdicts.AlreadyDecidedError: _not_open,
    verdicts.CaseGrewError: _grown,
    times.SnoozeTimeError: lambda refusal, case: _field("until", str(refusal)),
    escalations.NobodyToEscalateToError: _as_said(
        "nobody", "There is nobody to escalate to from this queue. A manager can name a queue in the admin."
    ),
    escalations.MovedMeanwhileError: _as_said("moved", "The case was moved to another queue meanwhile. Read it again."),
    queues.QueueClosedError: lambda refusal, case: _field("queue", "is disabled and takes no cases."),
    TooManyTagsError: lambda refusal, case: _field("add", f"A case has {MAX_TAGS} tags at most. Take one off first."),
    reopening.TooLateError: _as_said("too_late", "The verdict has taken effect, or was settled. Reopen the case."),
    reopening.NotTheirsError: lambda refusal, case: problem(403, "Only who said a verdict can take it back."),
    reopening.NotDecidedError: _as_said("not_decided", "The case is open, or its verdict can still be undone."),
    reopening.HasOpenCaseError: _as_said("has_open_case", "The card has an open case: list it by `card`, go on there."),
    approvals.OwnVerdictError: lambda refusal, case: problem(
        403, "The user of this key said the verdict: a second person has to approve or refuse it."
    ),
    approvals.SamePersonError: lambda refusal, case: problem(403, str(refusal)),
    approvals.NothingToApproveError: _as_said("nothing_waits", "The verdict waits for approval no more."),
    # In the words of any other case: who reviewed it blind is not told that they did.
    checks.NotHeldError: _as_said("released", _RELEASED),
}
REFUSALS = tuple(_ANSWERS)
