"""The dashboard's rules, and the versions that decided."""

import pytest

from cases.models import RuleAlarm
from scoring.services.policy import RuleDraft, publish_policy
from tests.cases.dashboard_world import YESTERDAY, pay, said
from tests.factories import DAY, make_label


def test_rules_are_told_by_what_they_met(look, mia):
    publish_policy(
        review_threshold=0.5,
        decline_threshold=0.9,
        rules=[
            RuleDraft("velocity", "amount > 100", "review", "{amount} is much"),
            RuleDraft("never", "amount > 900", "review", "Large"),
            RuleDraft("off", "amount > 901", "review", "Off", is_enabled=False),
        ],
        note="",
        published_by=mia,
        based_on=0,
    )
    for number in range(20):
        decision = pay(outcome="review", rule_hits=["velocity", "block_list:card"])
        make_label(decision, "fraud" if number % 4 else "legitimate")
    pay(outcome="review", rule_hits=["former"], at=YESTERDAY - 10 * DAY)

    rules = {rule.row.code: rule for rule in look().context["page"].rules}

    assert (rules["velocity"].row.hits, rules["velocity"].precision) == (20, "75%")
    assert rules["velocity"].row.words == "… is much"
    assert (rules["block list: card"].row.hits, rules["block list: card"].row.state) == (20, "list")
    assert (rules["never"].row.hits, rules["never"].row.last_hit_at, rules["off"].row.state) == (0, None, "off")
    assert (rules["former"].row.hits, rules["former"].row.before, rules["former"].row.state) == (0, 1, "gone")


@pytest.mark.parametrize(
    ("sort", "codes"),
    [
        ("hits", ["b", "a", "c"]),
        ("code", ["a", "b", "c"]),
        ("precision", ["c", "b", "a"]),
        ("last", ["c", "b", "a"]),
    ],
)
def test_rules_are_sorted(look, sort, codes):
    for code, hits, fraud, age in (("a", 4, 4, 3), ("b", 5, 3, 2), ("c", 3, 0, 1)):
        for number in range(hits):
            decision = pay(at=YESTERDAY - age * DAY, outcome="review", rule_hits=[code])
            make_label(decision, "fraud" if number < fraud else "legitimate")

    assert [rule.row.code for rule in look(f"?sort={sort}").context["page"].rules] == codes


def test_versions_are_marked_where_they_began(look):
    pay(at=YESTERDAY - 3 * DAY, policy_version=4, model_version="m-1")
    pay(at=YESTERDAY - DAY, policy_version=5, model_version="m-1")
    pay(policy_version=5, model_version="m-2")

    response = look()

    changes = response.context["found"].payments.changes
    assert [change.text for change in changes] == ["policy 5", "model m-2"]
    assert "policy 5" in said(response)


def test_versions_of_the_time_before_are_no_change(look):
    pay(at=YESTERDAY - 7 * DAY, policy_version=4)
    pay(at=YESTERDAY - 2 * DAY, policy_version=5)
    pay(policy_version=4)

    assert [change.text for change in look().context["found"].payments.changes] == ["policy 5"]


def test_alarms_stand_beside_their_rule(look, mia):
    publish_policy(
        review_threshold=0.5,
        decline_threshold=0.9,
        rules=[RuleDraft("velocity", "amount > 100", "review", "Much")],
        note="",
        published_by=mia,
        based_on=0,
    )
    for closed_at, kind in ((None, "silence"), (YESTERDAY, "spike")):
        RuleAlarm.objects.create(
            code="velocity", kind=kind, opened_at=YESTERDAY, seen_at=YESTERDAY, closed_at=closed_at, words="x"
        )

    response = look()

    (rule,) = response.context["page"].rules
    assert [alarm.kind for alarm in rule.row.alarms] == ["silence"]
    assert "velocity silent" in said(response)
    assert "/policy/rules/velocity/" in response.content.decode()
