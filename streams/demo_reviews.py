"""Weeks of review for the demo: two people decide what was flagged, review each other blind, and err now and then."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from cases import chance
from cases.models import Case, FirstVerdict
from cases.services import alerts, checks, claims, known_cases, presence, verdict_effects, verdicts
from cases.services.review_settings import change_settings
from scoring.models import Decision, Label, Outcome

_CASES = 90
_BUSY = {"second_share": 0.6, "second_rate": 0.5, "known_rate": 0.0}
# Denser than a desk would have it, so that one comes along while somebody looks.
_FOR_THE_DEMO = {"second_share": 0.2, "second_rate": 0.1, "known_rate": 0.05}


def review_history(reviewers: Sequence[User]) -> int:
    """Open and decide cases for what was flagged last; returns how many. Once somebody has decided, nothing is done.

    The first of the two reviewers sees the score at random from the start or after the verdict.
    """
    if FirstVerdict.objects.exists():
        return 0
    change_settings(values=_BUSY, displays={reviewers[0].id: "random"})
    payments = _flagged()
    for number, decision in enumerate(payments):
        _work(decision, first=reviewers[number % 2], second=reviewers[(number + 1) % 2])
    change_settings(values=_FOR_THE_DEMO, displays={})
    return len(payments)


def _flagged() -> list[Decision]:
    """The last frauds and the last others, as many of each: rules alone flag few frauds."""
    flagged = Decision.objects.exclude(outcome=Outcome.APPROVE).order_by("-occurred_at")
    is_fraud = Exists(Label.objects.filter(decision=OuterRef("pk"), label=Label.Value.FRAUD))
    chosen = [*flagged.filter(is_fraud)[: _CASES // 2], *flagged.filter(~is_fraud)[: _CASES // 2]]
    return sorted(chosen, key=lambda decision: decision.occurred_at)


def follow_history(*, now: datetime) -> None:
    """Compare with what became known, and keep known cases waiting."""
    known_cases.collect_truths(now=now)
    known_cases.refill(now=now)


def _work(decision: Decision, *, first: User, second: User) -> None:
    """Open the payment's case; while it waits the second person reviews an earlier one, then the first decides it."""
    opened_at = decision.occurred_at + timedelta(seconds=5)
    for entry in alerts.open_cases([decision.id], now=opened_at):
        _review_again(second, entry.case, now=opened_at)
        _decide(entry.case, decision, analyst=first, opened_at=opened_at)


def _review_again(reviewer: User, waiting: Case, *, now: datetime) -> None:
    check = checks.take_next(analyst=reviewer, now=now, draw=_chance("takes", waiting))
    if check is None:
        return
    said = check.expected if _chance("agrees", waiting) < 0.8 else _another(check.expected, waiting)
    took = timedelta(seconds=30 + 120 * _chance("again", waiting))
    note = "" if said == check.expected else "The device is his own, seen for months."
    presence.record_view(case=check.case, viewer=reviewer, now=now)
    checks.record(check, reviewer=reviewer, verdict=said, typology="", note=note, decided_at=now + took)


def _decide(case: Case, decision: Decision, *, analyst: User, opened_at: datetime) -> None:
    claimed_at = opened_at + timedelta(seconds=30 + 600 * _chance("waits", case))
    claims.claim(case=case, analyst=analyst, now=claimed_at)
    truth = "fraud" if decision.labels.filter(label=Label.Value.FRAUD).exists() else "legitimate"
    said = truth if _chance("right", case) < 0.9 else _another(truth, case)
    kinds = list(Case.Typology)[:4]
    decided_at = claimed_at + timedelta(seconds=20 + 100 * _chance("took", case))
    verdicts.record(
        case=case,
        analyst=analyst,
        verdict=said,
        typology=kinds[int(_chance("kind", case) * len(kinds))].value if said == "fraud" else "",
        note="",
        decided_at=decided_at,
    )
    verdict_effects.settle_due(now=decided_at + timedelta(seconds=settings.VERDICT_UNDO_SECONDS))


def _another(verdict: str, case: Case) -> str:
    others = [value for value in Case.Verdict.values if value != verdict]
    return others[int(_chance("other", case) * len(others))]


def _chance(what: str, case: Case) -> float:
    """Follows from the card: each demo has the same luck with the same history."""
    return chance.fraction("demo", what, case.card_id, case.opened_at)
