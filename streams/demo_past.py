"""Past work of a desk on simulated history: the dearest flagged payments of each day, decided by what labels say."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import F, Window
from django.db.models.functions import RowNumber, TruncDate

from cases.models import Case
from cases.queries.related import with_label
from cases.services import alerts, claims, verdict_effects, verdicts
from scoring.models import Decision, Outcome

# People err: so often the verdict is not what the label will say, so often a case is passed on or left undecided.
_WRONG, _SKIPPED, _INCONCLUSIVE = 0.06, 0.08, 0.04
_SECONDS_UNTIL_CLAIMED, _SECONDS_OF_WORK = 600.0, 70.0


def work_off(*, since: datetime, until: datetime, a_day: int, analysts: Sequence[User], seed: int = 7) -> int:
    """Open and decide cases as if it were then; their number. Payments that have a case are left alone."""
    chance = random.Random(seed)  # noqa: S311 - invented work needs no cryptographic randomness
    for number, payment in enumerate(payments := _dearest(since, until, a_day)):
        _decide(payment, analysts[number % len(analysts)], analysts[number % len(analysts) - 1], chance, until)
    verdict_effects.settle_due(now=until)
    return len(payments)


def _dearest(since: datetime, until: datetime, a_day: int) -> list[Decision]:
    flagged = Decision.objects.filter(
        occurred_at__gte=since, occurred_at__lt=until, outcome__in=[Outcome.REVIEW, Outcome.DECLINE], alert=None
    )
    place = Window(RowNumber(), partition_by=TruncDate("occurred_at"), order_by=F("amount").desc())
    return list(with_label(flagged.annotate(place=place).filter(place__lte=a_day)).order_by("occurred_at"))


def _decide(payment: Decision, analyst: User, colleague: User, chance: random.Random, until: datetime) -> None:
    (entry,) = alerts.open_cases([payment.id], now=payment.occurred_at)
    decide_as_then(entry.case, payment, (analyst, colleague), chance, until=until)


def decide_as_then(
    case: Case, payment: Decision, people: tuple[User, User], chance: random.Random, *, until: datetime
) -> None:
    """Claim and decide a case soon after its payment, as its label will say mostly; the second of the two may skip it.

    One whose time would come after `until` stays open.
    """
    analyst, colleague = people
    claimed_at = payment.occurred_at + _about(_SECONDS_UNTIL_CLAIMED, chance)
    decided_at = claimed_at + _about(_SECONDS_OF_WORK, chance)
    if decided_at >= until:
        return
    if chance.random() < _SKIPPED:
        claims.claim(case=case, analyst=colleague, now=claimed_at - timedelta(seconds=40))
        claims.skip(case=case, analyst=colleague, reason="", now=claimed_at - timedelta(seconds=10))
    claims.claim(case=case, analyst=analyst, now=claimed_at)
    verdict = _verdict(payment.label, chance)  # type: ignore[attr-defined]
    typology = Case.Typology.STOLEN_CARD if verdict == Case.Verdict.FRAUD else ""
    verdicts.record(case=case, analyst=analyst, verdict=verdict, typology=typology, note="", decided_at=decided_at)


def _about(seconds: float, chance: random.Random) -> timedelta:
    """Mostly near it, now and then several times as long."""
    return timedelta(seconds=chance.lognormvariate(0, 0.8) * seconds)


def _verdict(label: str | None, chance: random.Random) -> str:
    if chance.random() < _INCONCLUSIVE:
        return Case.Verdict.INCONCLUSIVE
    is_fraud = (label == "fraud") != (chance.random() < _WRONG)
    return Case.Verdict.FRAUD if is_fraud else Case.Verdict.LEGITIMATE
