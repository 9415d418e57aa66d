"""What is wrong with a policy version is named, all of it at once, before anything is written."""

from dataclasses import replace
from decimal import Decimal

import pytest

from scoring.models import NamedList, Policy
from scoring.services import policy_checks
from scoring.services.policy import BandDraft, RuleDraft
from scoring.services.policy_checks import ContentError
from scoring.services.policy_versions import draft_copy
from tests.factories import DAY, HOUR, NOON, make_user
from tests.scoring.payments import LARGE, tampering
from tests.scoring.policy_world import SMALL, draft, edit

GOOD = RuleDraft("good", "amount > 5", "review", "The amount is {amount}")


def faults_of(*rules: RuleDraft, **overrides) -> list[tuple[str, str, str]]:
    with pytest.raises(ContentError) as refused:
        draft(None, *rules, **overrides)
    assert not Policy.objects.exists()
    return [(fault.part, fault.field, fault.message) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"expression": "amnt > 5"}, "expression", "Did you mean `amount`"),
        ({"expression": "in_list(card_id, 'mule')"}, "expression", "There is no list `mule`. Did you mean `mules`?"),
        ({"expression": ""}, "expression", ""),
        ({"expression": "amount > 5 \x00"}, "expression", "cannot be stored"),
        ({"words": "{amout} again"}, "words", "There is no value for {amout}. Did you mean `amount`?"),
        ({"words": ""}, "words", "blank"),
        ({"words": "x" * 201}, "words", "200"),
        ({"words": "\ud800"}, "words", "cannot be stored"),
        ({"code": "no spaces"}, "code", "valid"),
        ({"reason_code": "no spaces"}, "reason_code", "valid"),
        ({"tags": ("a b",)}, "tags", "valid"),
        ({"outcome": "approve"}, "outcome", "not a valid choice"),
        ({"outcome": ""}, "outcome", "would do nothing"),
        ({"points": 10_001}, "points", "-10,000 to 10,000"),
        ({"expires_at": NOON}, "expires_at", "past"),
    ],
)
def test_what_is_wrong_with_a_rule_is_named_with_its_field(db, wrong, field, words):
    NamedList.objects.create(name="mules", title="Mules")

    (fault,) = faults_of(LARGE, replace(GOOD, **wrong))

    assert fault[:2] == (f"Rule {wrong.get('code', 'good')}", field)
    assert words in fault[2]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"review_threshold": 0.9}, "review_threshold"),
        ({"review_threshold": float("nan")}, "review_threshold"),
        ({"review_points": 300}, "review_points"),
        ({"decline_points": 2**40}, "review_points"),
        ({"note": " "}, "note"),
        ({"note": "x" * 201}, "note"),
        ({"bands": (BandDraft("EUR", Decimal("NaN"), 0.1, 0.2),)}, "from_amount"),
        ({"bands": (BandDraft("EUR", Decimal(1), 0.1, 0.2),) * 2}, "from_amount"),
        ({"bands": (BandDraft("eur", Decimal(1), 0.1, 0.2),)}, "currency"),
        ({"bands": (BandDraft("EUR", Decimal(1), 0.3, 0.2),)}, "review_threshold"),
        ({"lists": {"blok": "decline"}}, "list"),
        ({"lists": {"block": "explode"}}, "effect"),
        ({"lists": {"snooze:large": "approve"}}, "list"),
    ],
)
def test_what_is_wrong_with_the_rest_is_named(db, wrong, field):
    NamedList.objects.create(name="snooze:large", title="x")

    assert [fault[1] for fault in faults_of(LARGE, **wrong)] == [field]


def test_all_faults_are_named_at_once(db):
    faults = faults_of(replace(GOOD, expression="amnt > 1", words="{x}"), SMALL, replace(SMALL, outcome=""), note="")

    assert {fault[:2] for fault in faults} == {
        ("Rule good", "expression"), ("Rule good", "words"), ("Rule small", "outcome"), ("Rule small", "code"),
        ("", "note"),
    }  # fmt: skip


def test_rules_together_may_not_cost_too_much(db, monkeypatch):
    monkeypatch.setattr(policy_checks, "MAX_COST", 1.0)

    (fault,) = faults_of(LARGE, SMALL)

    assert fault[:2] == ("", "rules")
    assert "alone costs" in fault[2]


def test_a_thousand_rules_are_enough(db):
    rules = tuple(replace(GOOD, code=f"rule-{number}") for number in range(1001))

    assert ("", "rules", "There are 1,001, at most 1,000 are allowed.") in faults_of(*rules)


def test_a_rule_that_expired_meanwhile_may_stay_as_it_is_but_no_new_one_begins_expired(live):
    mia = make_user("manager")
    passing = replace(GOOD, expires_at=NOON + HOUR)
    policy = draft(mia, passing)
    with tampering():
        policy.rules.update(expires_at=NOON - DAY)

    copy = draft_copy(of=policy.version, note="x", by=mia, at=NOON)
    edit(policy, mia, review_threshold=0.3)

    assert copy.rules.get().expires_at == NOON - DAY
    with pytest.raises(ContentError, match="past"):
        edit(Policy.objects.get(id=policy.id), mia, rules=(replace(GOOD, expires_at=NOON - HOUR),))
