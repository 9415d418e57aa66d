"""What rules and lists met, counted by hour and day."""

from decimal import Decimal

import pytest

from cases.models import RuleFigures, RuleHours, RuleMoney, RuleOverlap, RulePairs
from scoring.models import ThresholdBand
from scoring.services.policy import RuleDraft
from tests.cases.figures_world import refresh
from tests.factories import DAY, HOUR, MINUTE, NOON, make_decision, make_label
from tests.scoring.payments import publish, tampering

pytestmark = pytest.mark.django_db
RULES = (
    RuleDraft("asks", "amount > 1", "review", "Asks"),
    RuleDraft("asks_too", "amount > 2", "decline", "Asks too"),
    RuleDraft("sixty", "amount > 3", "", "Sixty points", points=60),
    RuleDraft("fifty", "amount > 4", "", "Fifty points", points=50),
)


def hour_of(code):
    return RuleHours.objects.get(code=code)


def test_what_was_let_through_counts_beside_what_was_flagged():
    make_label(make_decision(rule_hits=["r", "r"]))
    make_label(make_decision(rule_hits=["r"]), "legitimate")
    make_decision(rule_hits=["r"])
    make_label(make_decision(rule_hits=["r"], outcome="approve"))
    make_label(make_decision(rule_hits=["r"], outcome="approve"), "legitimate")
    make_decision(rule_hits=["r"], outcome="approve", occurred_at=NOON + MINUTE)
    make_decision()

    refresh()

    row = hour_of("r")
    assert (row.hour, row.flagged, row.frauds, row.legitimate) == (NOON, 3, 1, 1)
    assert (row.passed, row.passed_frauds, row.passed_legitimate) == (3, 1, 1)
    assert row.last_hit_at == NOON + MINUTE
    day = RuleFigures.objects.get()
    assert (day.hits, day.passed, day.passed_frauds, day.last_hit_at) == (3, 3, 1, NOON + MINUTE)


def test_days_add_up_their_hours():
    for hours in (0, 1, 14):
        make_decision(rule_hits=["r"], occurred_at=NOON + hours * HOUR)

    refresh()

    assert list(RuleFigures.objects.order_by("day").values_list("hits", flat=True)) == [2, 1]


def test_failures_are_counted_where_nothing_was_hit():
    make_decision(rule_failures=["broken", "broken"])
    make_decision(rule_failures=["broken"], rule_hits=["broken"])

    refresh()

    row = hour_of("broken")
    assert (row.failures, row.flagged, row.last_hit_at) == (2, 1, NOON)
    assert RuleFigures.objects.get().failures == 2


@pytest.mark.parametrize(
    ("hits", "score", "failures", "alone"),
    [
        (["asks"], 0.1, [], ["asks"]),
        (["asks"], 0.5, [], []),
        (["asks"], None, [], ["asks"]),
        (["asks"], 0.1, ["sixty"], []),
        (["asks", "asks_too"], 0.1, [], []),
        (["asks", "sixty"], 0.1, [], ["asks"]),
        (["sixty", "fifty"], 0.1, [], ["fifty", "sixty"]),
        (["asks", "sixty", "fifty"], 0.1, [], []),
        (["block_list:card"], 0.1, [], ["block_list:card"]),
        (["asks", "block_list:card"], 0.1, [], []),
        (["asks", "allow_list:device"], 0.1, [], ["asks"]),
        (["asks", "nobody_knows"], 0.1, [], []),
    ],
)
def test_a_rule_is_alone_where_the_payment_would_have_passed_without_it(hits, score, failures, alone):
    policy = publish(*RULES)
    make_decision(rule_hits=hits, score=score, rule_failures=failures, policy_version=policy.version)

    refresh()

    assert sorted(RuleHours.objects.filter(alone=1).values_list("code", flat=True)) == alone


def test_the_threshold_is_that_of_the_amount():
    policy = publish(*RULES)
    with tampering():
        ThresholdBand.objects.create(
            policy=policy, currency="EUR", from_amount=1000, review_threshold=0.05, decline_threshold=0.9
        )
    make_decision(rule_hits=["asks"], score=0.1, amount=Decimal(999), policy_version=policy.version)
    make_decision(rule_hits=["asks"], score=0.1, amount=Decimal(1000), policy_version=policy.version)

    refresh()

    assert (hour_of("asks").flagged, hour_of("asks").alone) == (2, 1)


def test_money_is_kept_by_currency():
    make_label(make_decision(rule_hits=["r"], amount=Decimal(100)))
    make_label(make_decision(rule_hits=["r"], amount=Decimal(40), currency="USD"), "legitimate")
    make_decision(rule_hits=["r"], amount=Decimal(7))
    make_label(make_decision(rule_hits=["r"], amount=Decimal(9), outcome="approve"))

    refresh()

    found = RuleMoney.objects.order_by("currency").values_list("currency", "stopped", "false_alarms")
    assert list(found) == [("EUR", 100, 0), ("USD", 0, 40)]


def test_pairs_of_a_month_say_with_whom_a_rule_overlaps():
    for _ in range(2):
        make_decision(rule_hits=["b", "a", "a"])
    make_decision(rule_hits=["c", "a"], outcome="approve")
    make_decision(rule_hits=["d", "a"], occurred_at=NOON - 40 * DAY)

    refresh()

    assert RulePairs.objects.count() == 3
    found = RuleOverlap.objects.order_by("code", "place").values_list("code", "other", "hits")
    assert list(found) == [("a", "b", 2), ("a", "c", 1), ("b", "a", 2), ("c", "a", 1)]


def test_what_is_counted_again_is_counted_once():
    decision = make_decision(rule_hits=["a", "b"])
    refresh()
    make_label(decision)

    refresh()

    assert RuleHours.objects.filter(frauds=1, flagged=1).count() == 2
    assert (RulePairs.objects.get().hits, RuleMoney.objects.count(), RuleFigures.objects.count()) == (1, 2, 2)
