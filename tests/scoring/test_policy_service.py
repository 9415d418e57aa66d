"""Policies and lists as they decide: published, followed, switched off, expired."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, connections

from scoring.models import Decision, ListEntry, Policy
from scoring.services import policy
from scoring.services.decisions import decide_transactions
from scoring.services.lists import add_list_entry
from scoring.services.policy import NoPolicyError, RuleDraft, StalePolicyError, forget_policy, publish_policy
from tests.factories import NOON, make_user
from tests.scoring.payments import LARGE, arrive, make_payment, publish, writer


def test_without_a_policy_nothing_is_decided(db):
    with pytest.raises(NoPolicyError):
        decide_transactions([arrive(make_payment())], writer=writer())

    assert not Decision.objects.exists()


def test_a_published_policy_is_followed_within_its_time(live, monkeypatch):
    decide_transactions([arrive(make_payment(amount=Decimal(2000)))], writer=writer())
    publish(RuleDraft("any", "amount > 0", "decline", "All"), based_on=1)

    (old,) = decide_transactions([arrive(make_payment())], writer=writer())
    monkeypatch.setattr(policy, "RECHECK_SECONDS", 0.0)
    (new,) = decide_transactions([arrive(make_payment())], writer=writer())

    assert (old.decision.policy_version, old.decision.outcome) == (1, "approve")
    assert (new.decision.policy_version, new.decision.outcome) == (2, "decline")


def test_a_rule_that_is_switched_off_hits_nothing(live):
    publish(RuleDraft("large", LARGE.expression, "review", "x", is_enabled=False), based_on=1)
    forget_policy()

    (result,) = decide_transactions([arrive(make_payment(amount=Decimal(2000)))], writer=writer())

    assert result.decision.outcome == "approve"


def test_a_version_drafted_from_an_older_one_is_refused(live):
    publish(based_on=1)

    with pytest.raises(StalePolicyError, match="Version 2"):
        publish(based_on=1)

    assert Policy.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_who_publish_at_once_one_wins_and_the_other_is_told():
    publish()
    together = threading.Barrier(2)
    outcomes = []

    def publish_slowly() -> None:
        met = []

        def meet(execute, sql, params, many, context):
            if "pg_advisory_xact_lock" in sql and not met:
                met.append(together.wait(5))
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(meet):
                outcomes.append(publish(based_on=1).version)
        except StalePolicyError as error:
            outcomes.append(str(error)[:9])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=publish_slowly) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(str, outcomes)) == ["2", "Version 2"]
    assert [version.rules.count() for version in Policy.objects.order_by("version")] == [2, 2]


def test_a_policy_with_a_rule_that_does_not_compile_is_refused(db):
    with pytest.raises(ValueError, match="amnt"):
        publish(RuleDraft("bad", "amnt > 1", "review", "x"))

    assert not Policy.objects.exists()


@pytest.mark.parametrize(("kind", "outcome"), [("block", "decline"), ("allow", "approve")])
@pytest.mark.parametrize(
    ("entity", "value"),
    [("card", "card-1"), ("merchant", "m-1"), ("customer", "c-1"), ("device", "d-1"), ("ip", "2001:DB8:0::1")],
)
def test_a_list_entry_decides_until_it_expires(live, kind, outcome, entity, value):
    sent = {"amount": Decimal(2000), "customer_id": "c-1", "ip_address": "2001:db8::1"}
    mia = make_user("manager")
    add_list_entry(list_name=kind, entity=entity, value=value, reason="why", expires_at=None, author=mia)
    (listed,) = decide_transactions([arrive(make_payment(**sent))], writer=writer())
    add_list_entry(list_name=kind, entity=entity, value=value, reason="why", expires_at=NOON, author=mia)

    (expired,) = decide_transactions([arrive(make_payment(**sent))], writer=writer())

    assert listed.decision.outcome == outcome
    assert f"{kind}_list:{entity}" in listed.decision.rule_hits
    assert expired.decision.outcome == "review"
    assert ListEntry.objects.count() == 1


def test_a_listed_card_is_not_a_listed_merchant_of_the_same_name(live):
    add_list_entry(
        list_name="block", entity="merchant", value="card-1", reason="x", expires_at=None, author=make_user("manager")
    )

    (result,) = decide_transactions([arrive(make_payment())], writer=writer())

    assert result.decision.outcome == "approve"


def test_thresholds_out_of_order_are_no_policy(db):
    with pytest.raises(Exception, match="policy_thresholds_in_order"):
        publish_policy(review_threshold=0.9, decline_threshold=0.5, rules=(), note="x", published_by=None, based_on=0)
