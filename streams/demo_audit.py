"""The random audit on simulated history, and labels that contradict each other or were taken back."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from cases.models import AuditDraw, AuditSetting
from cases.models.audit import LARGEST_SHARE
from cases.queries.related import with_label
from cases.services import alerts, verdict_effects
from cases.services.audit import draw_audit, set_audit
from scoring.models import Decision, Label, Outcome
from scoring.services.labels import LabelStatement, record_labels
from streams.demo_past import decide_as_then

DAY = timedelta(days=1)


def audit_history(
    *, since: datetime, until: datetime, a_day: int, analysts: Sequence[User], manager: User, seed: int = 11
) -> int:
    """Draw about so many approved payments a day as if it were then, and review them; their number. Once only."""
    if AuditSetting.objects.exists():
        return 0
    approved = Decision.objects.filter(outcome=Outcome.APPROVE, occurred_at__gte=since, occurred_at__lt=until)
    days = max(1, (until - since) // DAY)
    share = min(LARGEST_SHARE, a_day * days / max(1, approved.count()))
    # Far more than are expected: a day of the demo is not thinned.
    set_audit(share=share, daily_reviews=4 * a_day, actor=manager, now=since)
    for number in range(days):
        begins = since + number * DAY
        ids = approved.filter(occurred_at__gte=begins, occurred_at__lt=begins + DAY).values_list("id", flat=True)
        draw_audit(list(ids), now=begins + DAY)
    drawn = with_label(Decision.objects.filter(audit_draw__isnull=False, alert=None)).order_by("occurred_at")
    chance = random.Random(seed)  # noqa: S311 - invented work needs no cryptographic randomness
    for place, payment in enumerate(drawn):
        _review(payment, analysts[place % len(analysts)], analysts[place % len(analysts) - 1], chance, until)
    verdict_effects.settle_due(now=until)
    _disagree(until)
    return AuditDraw.objects.count()


def _review(payment: Decision, analyst: User, colleague: User, chance: random.Random, until: datetime) -> None:
    (entry,) = alerts.open_cases([payment.id], now=payment.occurred_at)
    # A card's other payments may have a case that is being worked on.
    if entry.case.is_audit:
        decide_as_then(entry.case, payment, (analyst, colleague), chance, until=until)


def _disagree(until: datetime) -> None:
    """A chargeback against an analyst, a customer who takes a claim back: what the ledger shows."""
    said = Label.objects.filter(source=Label.Source.ANALYST, label=Label.Value.LEGITIMATE).order_by("-known_at")
    # Nobody complains of a payment before it is made.
    old = said.filter(decision__occurred_at__lt=until - DAY)
    names = list(old.values_list("decision__transaction_id", flat=True)[:2])
    if len(names) < 2:
        return
    contradicted, claimed = names
    statements = [
        LabelStatement(contradicted, "fraud", "chargeback", until - DAY / 12, asserted_at=until - DAY, reason="10.4"),
        LabelStatement(claimed, "fraud", "customer", until - DAY / 12, note="Does not know the shop."),
        LabelStatement(claimed, "withdrawn", "customer", until - DAY / 24, note="It was his daughter."),
    ]
    record_labels(statements, author=None)
