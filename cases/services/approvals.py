"""Four eyes: which verdicts wait for a second person, and that person's word."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from cases import words
from cases.models import ApprovalLimit, Case, CaseEvent, Verdict
from cases.queries.hands import named, people_behind, people_behind_actor
from cases.services import queues, reopening, verdict_effects
from cases.services.verdict_payments import NO_LABEL, Judged

# Verdict and currency to the amount; an empty currency stands for those without a limit of their own.
Limits = dict[tuple[str, str], Decimal]


class OwnVerdictError(Exception):
    """Nobody approves or refuses what they said themselves; nothing changed."""


class SamePersonError(OwnVerdictError):
    """The same person stands behind the verdict and this word on it, through API keys they made; nothing changed."""

    def __init__(self, people: Sequence[User]) -> None:
        said = words.listed([words.person(one) for one in people])
        stands = "stands" if len(people) == 1 else "stand"
        super().__init__(
            f"{said} {stands} behind both the verdict and your word on it: by doing the one or the other, or by having"
            " made or rotated the API key it was done by. A second person has to approve or refuse it, in the console"
            " or by a key that somebody else made."
        )


class NothingToApproveError(Exception):
    """The verdict waits for nobody (any more): approved, refused, or taken back. Nothing changed."""


def limits() -> Limits:
    return {(limit.verdict, limit.currency): limit.amount for limit in ApprovalLimit.objects.all()}


def is_needed(verdict: str, judged: Sequence[Judged], known: Limits) -> bool:
    """Say whether a second person has to approve: of some label more is judged than its limit allows."""
    if not known:
        return False
    unlabelled = verdict if verdict == Case.Verdict.INCONCLUSIVE else NO_LABEL
    sums = _sums((one.label or unlabelled, one.payment.currency, one.payment.amount) for one in judged)
    return any(_is_over(total, known, said, currency) for (said, currency), total in sums.items())


def _sums(amounts: Iterable[tuple[str, str, Decimal]]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for said, currency, amount in amounts:
        sums[said, currency] += amount
    return sums


def _is_over(total: Decimal, known: Limits, said: str, currency: str) -> bool:
    limit = known.get((said, currency), known.get((said, "")))
    return limit is not None and total > limit


@transaction.atomic
def approve(*, verdict: Verdict, approver: User, now: datetime) -> None:
    """Decide the case as its analyst said; the effects leave at once, for two people have looked.

    Raises:
        OwnVerdictError (SamePersonError among them), NothingToApproveError: nothing changed.
    """
    _settle(verdict, approver=approver, state=Verdict.State.WAITING, effects_at=now, settled_by=approver)
    Case.objects.filter(id=verdict.case_id, status=Case.Status.APPROVAL).update(
        status=Case.Status.DECIDED,
        verdict=verdict.verdict,
        typology=verdict.typology,
        decided_by=verdict.analyst_id,
        decided_at=now,
    )
    _remember(verdict, CaseEvent.Kind.APPROVED, actor=approver, now=now, text=_said_by(verdict))
    verdict_effects.settle(verdict.id, now=now)


@transaction.atomic
def refuse(*, verdict: Verdict, approver: User, reason: str, hands_back: bool, now: datetime) -> Case:
    """Open the case again: for its analyst for the time of one claim (`hands_back`), or for whoever takes it.

    Raises:
        OwnVerdictError (SamePersonError among them), NothingToApproveError: nothing changed.
    """
    queues.lock_opening()
    refused = Verdict.State.REFUSED
    _settle(verdict, approver=approver, state=refused, settled_at=now, settled_by=approver, refusal=reason)
    _remember(verdict, CaseEvent.Kind.REFUSED, actor=approver, now=now, text=f"{_said_by(verdict)}: {reason}"[:2000])
    case = reopening.open_again(verdict.case_id, actor=approver, now=now)
    if hands_back:
        reopening.hand_to(case, analyst=verdict.analyst, now=now)
    return case


def _settle(verdict: Verdict, *, approver: User, **changes: object) -> None:
    # Who stands behind the two never changes; a constraint sees that they differ.
    makers, checkers = people_behind(verdict.analyst_id, verdict.api_key_id), people_behind_actor(approver)
    waiting = Verdict.objects.filter(id=verdict.id, state=Verdict.State.APPROVAL)
    if (both := makers & checkers) and waiting.exists():
        raise OwnVerdictError(verdict.id) if verdict.analyst_id == approver.pk else SamePersonError(named(both))
    # The conditional UPDATE picks one of two approvers, or of an approver and the analyst who takes it back.
    if both or not waiting.update(makers=sorted(makers), checkers=sorted(checkers), **changes):
        raise NothingToApproveError(verdict.id)


def _remember(verdict: Verdict, kind: CaseEvent.Kind, *, actor: User, now: datetime, text: str) -> None:
    CaseEvent.objects.create(case_id=verdict.case_id, kind=kind, actor=actor, happened_at=now, text=text)


def _said_by(verdict: Verdict) -> str:
    return f"{verdict.get_verdict_display()}, said by {words.person(verdict.analyst)}"
