"""What a backtest says of each rule: hits, those that it alone flags, failures, and with which others it overlaps."""

from dataclasses import replace

import pytest

from scoring.services.policy import RuleDraft
from tests.factories import make_label
from tests.scoring.backtest_world import LOW, approved, make_draft, run
from tests.scoring.payments import HUGE, publish

pytestmark = pytest.mark.django_db


def test_rules_are_counted_alone_and_together():
    publish(HUGE)
    both, only = approved("700"), approved("550")
    make_label(both, "fraud")
    make_label(only, "fraud")
    other = RuleDraft("higher", "amount > 650", "review", "Higher")

    result = run(make_draft(LOW, other))

    rules = {rule["code"]: rule for rule in result["rules"]}
    assert (rules["large"]["hits"], rules["large"]["unique_hits"], rules["large"]["unique_frauds"]) == (2, 1, 1)
    assert (rules["higher"]["hits"], rules["higher"]["unique_hits"]) == (1, 0)
    assert result["overlap"] == [
        {"rule": "large", "other": "higher", "both": 1, "share_of_rule": 0.5, "share_of_other": 1.0}
    ]


def test_a_rule_that_cannot_be_computed_is_counted_as_failed(monkeypatch):
    publish(HUGE)
    approved("700")
    break_rule(monkeypatch, "large")

    result = run(make_draft(LOW))

    assert result["rules"][0]["failures"] == 1
    assert result["alerts"]["draft"]["total"] == 1


def break_rule(monkeypatch, code: str) -> None:
    """Have a rule fail for every payment."""
    from scoring.services import backtests

    compiled = backtests.compile_policy

    def broken(policy):
        found = compiled(policy)
        rules = tuple(
            replace(rule, condition=replace(rule.condition, holds=_raise)) if rule.code == code else rule
            for rule in found.rules
        )
        return replace(found, rules=rules)

    monkeypatch.setattr(backtests, "compile_policy", broken)


def _raise(columns):
    raise ArithmeticError


def test_a_rule_flags_alone_what_would_have_passed_without_it():
    publish(HUGE)
    approved("700")
    decisive = RuleDraft("decisive", "amount > 600", "review", "x")
    beside = RuleDraft("beside", "amount > 500", "", "x", points=10)
    half, rest = (RuleDraft(code, "amount > 600", "", "x", points=60) for code in ("half", "rest"))

    by_outcome = unique_hits(run(make_draft(decisive, beside)))
    by_points = unique_hits(run(make_draft(half, rest)))
    with_more = unique_hits(run(make_draft(half, rest, RuleDraft("more", "amount > 600", "", "x", points=60))))

    assert by_outcome == {"decisive": 1, "beside": 0}
    assert by_points == {"half": 1, "rest": 1}
    assert with_more == {"half": 0, "rest": 0, "more": 0}


def unique_hits(result) -> dict[str, int]:
    return {rule["code"]: rule["unique_hits"] for rule in result["rules"]}


def test_no_rule_flags_alone_what_a_failed_one_sends_to_review(monkeypatch):
    publish(HUGE)
    approved("700")
    break_rule(monkeypatch, "broken")

    result = run(make_draft(LOW, RuleDraft("broken", "amount > 1", "review", "x")))

    assert unique_hits(result) == {"large": 0, "broken": 0}
