"""Which queue a case goes to."""

import logging

import numpy as np
import pytest
from django.utils.timezone import now

from cases.models import Case, Queue
from cases.services import claims, queues, routing
from scoring.features.definitions import INDEX, NAMES, VERSION
from scoring.rules.language import Condition, compile_condition
from scoring.services.lists import add_list_entry
from tests.factories import HOUR, MINUTE, NOON, flag, make_decision, make_queue, make_user

pytestmark = pytest.mark.django_db


def payment(*, features=None, **values):
    """A flagged decision whose record is that of a whole payment."""
    decision = make_decision(**values)
    record = {
        "transaction_id": decision.transaction_id,
        "occurred_at": decision.occurred_at.isoformat(),
        "amount": str(decision.amount),
        "currency": decision.currency,
        "card_id": decision.card_id,
        "merchant_id": decision.merchant_id,
        "channel": "ecommerce",
    }
    decision.record = record | values.get("record", {})
    if features is not None:
        decision.features, decision.feature_version = vector(**features), VERSION
    decision.save()
    return decision


def vector(**values) -> bytes:
    found = np.full(len(NAMES), np.nan, np.float32)
    for name, value in values.items():
        found[INDEX[name]] = value
    return found.tobytes()


def titles():
    return dict(Case.objects.values_list("card_id", "queue__slug"))


def test_without_any_other_queue_the_default_takes_it():
    case = flag(payment())

    assert case.queue == Queue.objects.get(is_default=True)
    assert case.due_at == NOON + HOUR


def test_the_first_queue_by_position_whose_condition_holds_takes_it():
    make_queue("late", position=2, condition="amount > 1")
    make_queue("early", position=1, condition="amount >= 500", sla_minutes=20, half_life_minutes=7)

    case = flag(payment(card_id="big", amount=500))
    flag(payment(card_id="small", amount=499.99))

    assert titles() == {"big": "early", "small": "late"}
    assert (case.due_at, case.half_life_minutes) == (NOON + 20 * MINUTE, 7)


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"takes_new": False}])
def test_a_queue_that_takes_no_new_cases_is_passed_over(change):
    make_queue("closed", **change)

    assert flag(payment()).queue.is_default


def test_conditions_read_texts_features_and_the_score():
    make_queue("text", position=1, condition="channel = 'moto'")
    make_queue("feature", position=2, condition="card_small_streak >= 5")
    make_queue("score", position=3, condition="score > 0.9")

    flag(
        payment(card_id="moto", record={"channel": "moto"}, score=None),
        payment(card_id="streak", features={"card_small_streak": 6}, score=None),
        payment(card_id="sure", score=0.95),
        payment(card_id="none", score=None),
    )

    assert titles() == {"moto": "text", "streak": "feature", "sure": "score", "none": "general"}


def test_features_of_another_version_hit_nothing():
    make_queue("feature", condition="card_small_streak >= 5 OR card_small_streak < 5")

    decision = payment()

    assert decision.feature_version != VERSION
    assert flag(decision).queue.is_default


def test_a_condition_reads_lists_as_they_stood_when_the_payment_was_decided():
    make_queue("watched", position=1, condition="in_list(merchant_id, 'block')")
    early, late = payment(), payment(card_id="other", decided_at=now() + HOUR)
    add_list_entry(
        list_name="block", entity="merchant", value=early.merchant_id, reason="x", expires_at=None,
        author=make_user("manager"),
    )  # fmt: skip

    assert flag(early).queue.is_default
    assert flag(late).queue.slug == "watched"


def test_a_condition_that_cannot_be_read_takes_nothing_and_is_logged(caplog):
    make_queue("broken", position=1, condition="no_such_field > 1")
    make_queue("next", position=2, condition="amount > 1")

    with caplog.at_level(logging.ERROR):
        case = flag(payment())

    assert case.queue.slug == "next"
    assert "broken takes no case" in caplog.text
    assert "no_such_field" in caplog.text


def test_a_record_that_is_no_payment_any_more_goes_to_the_default(caplog):
    make_queue("large", condition="amount > 1")

    case = flag(make_decision(record={"channel": "ecommerce"}))

    assert case.queue.is_default
    assert "cannot be read as a payment" in caplog.text


def test_a_condition_that_cannot_be_computed_takes_nothing_and_is_logged(monkeypatch, caplog):
    make_queue("text", position=1, condition="currency = 'EUR'")
    make_queue("next", position=2, condition="amount > 1")
    wrong = Condition(lambda columns: columns.read("no_such_field") > 1, frozenset({"currency"}))
    monkeypatch.setattr(routing, "_compile", lambda text: wrong if "currency" in text else compile_condition(text))

    case = flag(payment())

    assert case.queue.slug == "next"
    assert "currency could not be computed" in caplog.text


def test_ten_times_the_payments_take_as_many_queries(django_assert_num_queries, django_assert_max_num_queries):
    for number in range(4):
        make_queue(f"q{number}", condition=f"amount > {number}000")
    few = [payment(card_id="card-a")]
    many = [payment(card_id=f"card-{number}") for number in range(10)]
    with django_assert_max_num_queries(20) as counted:
        flag(*few)

    with django_assert_num_queries(len(counted)):
        flag(*many)


# --- alerts that join ---


def test_an_alert_that_fits_an_earlier_queue_takes_the_case_there():
    make_queue("large", position=1, condition="amount >= 500", sla_minutes=20)
    case = flag(payment(amount=10))

    flag(payment(amount=900), now=NOON + MINUTE)

    case.refresh_from_db()
    assert (case.queue.slug, case.due_at) == ("large", NOON + 21 * MINUTE)
    assert [event.text for event in case.events.filter(kind="moved")] == ["To Large, where the new payment belongs"]


def test_a_move_by_a_joining_alert_never_gives_more_time():
    make_queue("large", position=1, condition="amount >= 500", sla_minutes=600)
    case = flag(payment(amount=10))

    flag(payment(amount=900), now=NOON + MINUTE)

    case.refresh_from_db()
    assert (case.queue.slug, case.due_at) == ("large", NOON + HOUR)


def test_an_alert_that_fits_a_later_queue_leaves_the_case_where_it_is():
    make_queue("large", position=1, condition="amount >= 500")
    case = flag(payment(amount=900))

    flag(payment(amount=10))

    case.refresh_from_db()
    assert case.queue.slug == "large"


def test_a_case_somebody_works_on_stays(alice):
    make_queue("large", position=1, condition="amount >= 500")
    case = flag(payment(amount=10))
    claims.claim(case=case, analyst=alice, now=NOON)

    flag(payment(amount=900), now=NOON + MINUTE)

    case.refresh_from_db()
    assert case.queue.is_default


def test_a_case_that_was_moved_by_hand_stays(bob):
    make_queue("large", position=1, condition="amount >= 500")
    other = make_queue("other", position=2, condition="amount < 0")
    case = flag(payment(amount=10))
    queues.move_case(case=case, queue=other, actor=bob, now=NOON)

    flag(payment(amount=900), now=NOON + MINUTE)

    case.refresh_from_db()
    assert case.queue == other
