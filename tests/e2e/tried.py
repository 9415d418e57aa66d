"""A policy in force with payments, alarms and figures of its rules, and a draft that was tried on them."""

from datetime import datetime, timedelta

from cases.models import RuleAlarm
from cases.services import figures, score_figures
from scoring.models import Decision, Policy
from scoring.services.backtests import BacktestRequest, claim_backtest, request_backtest, run_backtest
from scoring.services.policy import BandDraft, RuleDraft
from scoring.services.rule_snoozes import snooze_rule
from tests.factories import DAY, HOUR, make_label, make_user
from tests.scoring.backtest_world import decide, make_draft
from tests.scoring.payments import HUGE, LARGE, publish

MEDIUM = RuleDraft("medium", "amount > 600", "review", "The amount is {amount}")
AMOUNTS = ("20", "700", "1500", "6000")


def tried_policy(*, at: datetime) -> list[str]:
    """Addresses of all pages of policy, each with something to show, one of them errors of its form."""
    live = publish(LARGE, HUGE)
    draft = make_draft(MEDIUM, HUGE, bands=[BandDraft("EUR", 50, 0.4, 0.8)])
    _record(at)
    bob = make_user("lead")
    snooze_rule(code="large", entity="card", value="card-9", until=at + DAY, reason="a builder", author=bob)
    RuleAlarm.objects.create(code="large", kind="spike", opened_at=at, seen_at=at, words="40 hits within 1 hour")
    RuleAlarm.objects.create(
        code="huge",
        kind="expiry",
        opened_at=at,
        seen_at=at,
        words="Expires soon",
        acknowledged_by=bob,
        acknowledged_at=at,
    )
    return [
        "/policy/",
        f"/policy/versions/{live.version}/",
        f"/policy/versions/{draft.version}/",
        "/policy/rules/",
        "/policy/rules/large/",
        "/policy/thresholds/?capacity=5",
        "/policy/thresholds/?since=2001-01-01",
        "/policy/backtests/",
        f"/policy/backtests/{_try(draft, at)}/",
    ]


def _record(at: datetime) -> None:
    for day in range(1, 60):
        rows = decide(AMOUNTS, occurred_at=at - day * DAY)
        Decision.objects.filter(id__in=[row.id for row in rows]).update(score=0.45, model_version="m-1")
        make_label(rows[1], "fraud", known_at=at - HOUR)
        make_label(rows[2], "fraud" if day % 2 else "legitimate", known_at=at - HOUR)
        make_label(rows[3], "legitimate", known_at=at - HOUR)
    figures.refresh_figures(now=at)
    score_figures.count_scores(now=at, again_after=timedelta())


def _try(draft: Policy, at: datetime) -> int:
    asked = request_backtest(
        BacktestRequest(policy=draft, since=at - 60 * DAY, until=at, labels_as_of=at, maturity_days=30, capacity=2),
        by=None,
        at=at,
    )
    claimed = claim_backtest(at=at)
    run_backtest(claimed.id, claimed.attempts, clock=lambda: at)
    return asked.id
