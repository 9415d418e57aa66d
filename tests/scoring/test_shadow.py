"""A version in shadow is asked about every payment that is decided, and nothing comes of it but figures."""

import json
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import (
    Decision,
    ListChange,
    NamedList,
    Outbox,
    Policy,
    ShadowChange,
    ShadowFigures,
    ShadowRuleFigures,
)
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import Condition
from scoring.services import policy as policies
from scoring.services import shadow as service
from scoring.services.lists import add_list_entry
from scoring.services.policy import BandDraft, RuleDraft, policy_in_force, shadowed_versions
from scoring.services.shadow import judge_in_shadow, trim_changes
from tests.factories import make_decision, make_user
from tests.scoring.degraded import decide, nowhere, some
from tests.scoring.payments import fields_of, make_payment
from tests.scoring.shadow_world import (
    SMALL,
    broken_rule,
    changed,
    deliver,
    figures,
    leave_shadow,
    rule_figures,
    shadow,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live")]


def decide_some(*amounts: float, **overrides) -> list[Decision]:
    return decide(MemoryStore(), *(make_payment(amount=Decimal(str(amount)), **overrides) for amount in amounts))


# --- who is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Policy.Status.SHADOW, Policy.Status.PROPOSED])
def test_what_a_version_would_have_done_is_counted_beside_what_was_done(status):
    policy = shadow(status=status)

    decided = decide_some(5, 20, 30, 2000)
    deliver()

    assert [one.outcome for one in decided] == ["approve", "approve", "approve", "review"]
    assert figures(policy) == {("approve", "approve"): 1, ("approve", "review"): 2, ("review", "review"): 1}
    assert rule_figures(policy) == {"small": (3, 0), "large": (1, 0)}
    assert changed(policy) == {one.transaction_id: ("review", ["small"]) for one in decided[1:3]}


def test_figures_are_by_day_of_the_decision_and_currency_and_add_up():
    policy = shadow()

    decide_some(20, 30)
    deliver()
    decide_some(40, 7)
    decide_some(50, currency="USD")
    deliver()

    today = now().astimezone(UTC).date()
    assert list(
        ShadowFigures.objects.filter(policy=policy)
        .order_by("currency", "shadow_outcome")
        .values_list("day", "currency", "shadow_outcome", "payments", "amount")
    ) == [
        (today, "EUR", "approve", 1, Decimal(7)),
        (today, "EUR", "review", 3, Decimal(90)),
        (today, "USD", "review", 1, Decimal(50)),
    ]


def test_nothing_else_comes_of_a_version_in_shadow():
    shadow(RuleDraft("all", "amount > 0", "decline", "All of them"))

    (one,) = decide_some(20)
    deliver()

    assert (one.outcome, one.rule_hits, one.policy_version) == ("approve", [], 1)
    assert set(Outbox.objects.values_list("topic", flat=True)) == {"decisions"}


def test_nothing_is_left_for_shadows_where_there_is_none():
    decide_some(20)
    leave_shadow(shadow())
    decide_some(20)

    assert not Outbox.objects.filter(topic=Outbox.Topic.SHADOW).exists()


def test_a_process_hears_of_versions_in_shadow_when_it_looks_for_the_one_in_force(
    monkeypatch, django_assert_num_queries
):
    policy_in_force()
    policy = shadow()
    policy_in_force()
    assert shadowed_versions() == {policy.version}
    leave_shadow(policy)
    policy_in_force()
    assert shadowed_versions() == {policy.version}
    monkeypatch.setattr(policies, "RECHECK_SECONDS", -1.0)

    with django_assert_num_queries(1):
        policy_in_force()

    assert shadowed_versions() == set()


def test_history_from_files_is_not_asked_about():
    shadow()

    decide(MemoryStore(), *some(2), has_effects=False)

    assert not Outbox.objects.exists()


def test_a_version_is_asked_about_payments_decided_since_it_is_in_shadow():
    shadow()
    decide_some(20)
    later = shadow(since=now())
    decide_some(20, 30)

    deliver()

    assert figures(later) == {("approve", "review"): 2}


def test_a_version_that_left_is_not_asked_about_what_still_waits():
    left, stays = shadow(), shadow()
    decide_some(20)
    leave_shadow(left)

    deliver()

    assert (figures(left), figures(stays)) == ({}, {("approve", "review"): 1})


def test_several_versions_are_asked_each_for_itself():
    mild, strict = shadow(SMALL), shadow(RuleDraft("all", "amount > 0", "decline", "All"))

    decide_some(5, 20)
    deliver()

    assert figures(mild) == {("approve", "approve"): 1, ("approve", "review"): 1}
    assert figures(strict) == {("approve", "decline"): 2}


def test_more_payments_than_are_judged_at_once_are_each_judged_once(monkeypatch):
    monkeypatch.setattr(service, "PAYMENTS_AT_ONCE", 3)
    policy = shadow()

    decide_some(*[20] * 8)
    deliver()

    assert figures(policy) == {("approve", "review"): 8}
    assert len(changed(policy)) == 8


# --- with what -----------------------------------------------------------------------------------------------------


def test_a_payment_is_judged_with_the_vector_and_score_it_was_decided_with(champion):
    policy = shadow(RuleDraft("third", "card_count_24h >= 2", "review", "x"), review_threshold=0.25)
    store = MemoryStore()

    decided = decide(store, *some(4))
    deliver()

    assert [one.score for one in decided] == [0.0, 0.1, 0.2, 0.3]
    assert set(changed(policy)) == {one.transaction_id for one in decided[2:]}


def test_lists_are_those_of_when_it_was_decided():
    policy = shadow(RuleDraft("none", "amount > 9999", "review", "x"), lists={"allow": "decline"})
    decided = decide_some(20)
    add_list_entry(
        list_name="allow", entity="card", value="card-1", reason="known", expires_at=None, author=make_user("manager")
    )
    decided += decide_some(20)
    # A list may have changed a moment before it is committed; here it was long before and long after.
    ListChange.objects.update(happened_at=decided[1].decided_at)
    deliver()

    assert figures(policy) == {("approve", "approve"): 1, ("approve", "decline"): 1}
    assert changed(policy) == {decided[1].transaction_id: ("decline", ["allow_list:card"])}


def test_bands_snoozes_and_expiry_are_those_of_the_version():
    policy = shadow(
        RuleDraft("quiet", "amount > 10", "decline", "x"),
        RuleDraft("over", "amount > 10", "decline", "x", expires_at=now() - timedelta(hours=1)),
        bands=(BandDraft("EUR", Decimal(50), 0.1, 0.2),),
    )
    (one,) = decide_some(20)
    _met(_list("snooze:quiet"), one)
    deliver()

    assert (figures(policy), rule_figures(policy)) == ({("approve", "approve"): 1}, {})


def _list(name: str) -> str:
    return NamedList.objects.create(name=name, title=name).name


def _met(list_name: str, decision: Decision) -> None:
    """The card stood on the list when the payment was decided."""
    ListChange.objects.create(
        action="added", list_id=list_name, entity="card", value=decision.card_id, reason="x",
        expires_at=now() + timedelta(days=1), happened_at=decision.decided_at,
    )  # fmt: skip


def test_payments_decided_without_features_are_judged_as_they_were(champion):
    policy = shadow(RuleDraft("second", "card_count_24h >= 1", "review", "x"), SMALL)

    decide(nowhere(), *some(2, amount=Decimal(20)))
    deliver()

    assert figures(policy) == {("approve", "review"): 2}
    assert rule_figures(policy) == {"small": (2, 0)}


# --- what goes wrong -----------------------------------------------------------------------------------------------


def _fails(columns):
    raise ZeroDivisionError


def test_a_rule_that_fails_is_counted_as_failed(monkeypatch):
    policy = shadow()
    broken = CompiledRule("broken", Condition(_fails, frozenset({"amount"})), "decline", "x")
    compiled = replace(service._compiled(policy.id), rules=(broken,))
    monkeypatch.setattr(service, "_compiled", lambda policy_id: compiled)

    decide_some(20, 5)
    deliver()

    assert figures(policy) == {("approve", "review"): 2}
    assert rule_figures(policy) == {"broken": (0, 2)}


def test_a_version_that_cannot_be_compiled_holds_up_nobody_and_is_counted(caplog):
    broken, well = shadow(), shadow()
    broken_rule(broken, "small")

    decide_some(20, 5)
    deliver()

    assert (figures(broken), rule_figures(broken)) == ({}, {"": (0, 2)})
    assert figures(well) == {("approve", "approve"): 1, ("approve", "review"): 1}
    assert f"version {broken.version}, in shadow, could not judge 2 payments" in caplog.text


def test_a_list_with_the_longest_name_holds_up_nobody():
    long = _list("x" * 40)
    policy = shadow(lists={long: "decline"})
    (one,) = decide_some(5)
    _met(long, one)

    deliver()

    assert figures(policy) == {("approve", "decline"): 1}


@pytest.mark.parametrize(
    "changes", [{"record": {"amount": "x"}}, {"feature_version": "0"}, {"features": b"short"}], ids=str
)
def test_a_decision_that_cannot_be_read_is_counted_as_failed_and_the_others_are_judged(changes):
    policy = shadow()
    broken, _ = decide_some(20, 30)
    Decision.objects.filter(id=broken.id).update(**changes)

    deliver()

    assert figures(policy) == {("approve", "review"): 1}
    assert rule_figures(policy) == {"small": (1, 0), "": (0, 1)}


def test_of_a_transaction_that_is_rolled_back_nothing_is_counted():
    policy = shadow()
    decide_some(20)
    with transaction.atomic():
        deliver()
        transaction.set_rollback(True)

    deliver()

    assert figures(policy) == {("approve", "review"): 1}
    assert rule_figures(policy) == {"small": (1, 0)}
    assert not Outbox.objects.filter(topic=Outbox.Topic.SHADOW).exists()


def test_an_id_that_is_no_decision_any_more_changes_nothing():
    policy = shadow()

    judge_in_shadow([10**9])

    assert figures(policy) == {}
    assert not ShadowRuleFigures.objects.exists()


# --- how much is kept ----------------------------------------------------------------------------------------------


def test_of_each_version_the_newest_changed_payments_are_kept(monkeypatch):
    monkeypatch.setattr(service, "CHANGES_KEPT", 3)
    many, few = shadow(), shadow()
    decisions = [make_decision(record=json.loads(json.dumps(fields_of()))) for _ in range(5)]
    for policy, its in ((many, decisions), (few, decisions[:2])):
        ShadowChange.objects.bulk_create(ShadowChange(policy=policy, decision=one, outcome="review") for one in its)

    assert (trim_changes(), trim_changes()) == (2, 0)

    assert set(changed(many)) == {one.transaction_id for one in decisions[2:]}
    assert set(changed(few)) == {one.transaction_id for one in decisions[:2]}
