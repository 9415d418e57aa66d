"""Other cards that share something with the payment of a case."""

from datetime import timedelta

import pytest

from cases.queries import related
from cases.queries.queues import Desk, desk_of
from cases.queries.related import LOOK_BACK, MAX_ROWS, Related
from scoring.models import Decision
from tests.factories import HOUR, MINUTE, NOON, flag, make_case, make_decision, make_label, make_queue, make_user

pytestmark = pytest.mark.django_db
ALONE = {"ip_address": None, "merchant_id": "m-far"}


EVERYTHING = Desk(queues=(), seen=frozenset(), worked=frozenset())


def related_to(decision: Decision, *, desk: Desk = EVERYTHING) -> list[Related]:
    """As one sees it who sees every queue."""
    return related.related_to(decision, desk=desk)


def test_a_payment_that_shares_nothing_says_so():
    device, address, merchant = related_to(make_decision())

    assert (device.title, device.entity.name, device.summary) == ("Same device", "device-1", "no other card")
    assert address.payments == merchant.payments == []
    assert not device.has_more


def test_without_device_and_address_only_the_merchant_is_looked_at():
    (merchant,) = related_to(make_decision(device_id="", ip_address=None))

    assert merchant.title == "Same merchant"


def test_what_tells_most_comes_first_and_of_a_card_the_most_telling_payment():
    make_decision(card_id="card-new", occurred_at=NOON, outcome="approve", **ALONE)
    flag(make_decision(card_id="card-flagged", occurred_at=NOON - HOUR, **ALONE))
    make_label(make_decision(card_id="card-good", occurred_at=NOON - 2 * HOUR, **ALONE), "legitimate")
    make_label(make_decision(card_id="card-bad", occurred_at=NOON - 3 * HOUR, **ALONE))
    make_decision(card_id="card-bad", occurred_at=NOON, outcome="approve", **ALONE)

    device = related_to(make_decision())[0]

    assert [payment.card_id for payment in device.payments] == ["card-bad", "card-good", "card-flagged", "card-new"]
    bad, good, flagged, new = device.payments
    assert (bad.label, bad.label_source, bad.occurred_at, bad.count) == ("fraud", "chargeback", NOON - 3 * HOUR, 2)
    assert (good.label, new.label, new.case_id) == ("legitimate", "", None)
    assert (flagged.case_status, flagged.case_verdict) == ("open", "")
    assert device.summary == "4 other cards, 1 with confirmed fraud"
    assert device.has_more


def test_a_case_in_a_queue_of_others_is_not_told_but_its_payment_is():
    theirs = make_queue(takes_new=False, members=[make_user("lead")])
    make_case(decisions=[make_decision(card_id="card-theirs", **ALONE)], queue=theirs)
    flag(make_decision(card_id="card-all", occurred_at=NOON - HOUR, **ALONE))

    device = related_to(make_decision(), desk=desk_of(make_user()))[0]

    told = {payment.card_id: payment.case_status for payment in device.payments}
    assert told == {"card-theirs": "", "card-all": "open"}


def test_the_latest_label_counts():
    payment = make_decision(card_id="card-1", **ALONE)
    make_label(payment, known_at=NOON)
    make_label(payment, "legitimate", known_at=NOON + HOUR)

    device = related_to(make_decision())[0]

    assert device.payments[0].label == "legitimate"
    assert device.summary == "1 other card, none with confirmed fraud"


def test_each_card_stands_under_its_closest_tie():
    make_label(make_decision(card_id="card-1"))

    device, address, merchant = related_to(make_decision())

    assert [payment.card_id for payment in device.payments] == ["card-1"]
    assert address.payments == merchant.payments == []
    assert merchant.summary == "1 other card, 1 with confirmed fraud; listed above"


def test_of_a_merchant_only_what_was_flagged_or_labelled_is_listed():
    make_decision(card_id="card-1", outcome="approve", device_id="", ip_address=None)
    make_label(make_decision(card_id="card-2", device_id="", ip_address=None))

    merchant = related_to(make_decision())[2]

    assert merchant.summary == "2 other cards, 1 with confirmed fraud"
    assert [payment.card_id for payment in merchant.payments] == ["card-2"]
    assert not merchant.has_more


def test_many_cards_are_cut_but_counted(django_assert_num_queries):
    for number in range(MAX_ROWS + 5):
        make_decision(
            card_id=f"card-{number}", occurred_at=NOON - timedelta(minutes=number), outcome="approve", **ALONE
        )
    decision = make_decision()

    with django_assert_num_queries(1):
        device = related_to(decision)[0]

    assert [payment.card_id for payment in device.payments] == [f"card-{number}" for number in range(MAX_ROWS)]
    assert device.summary == f"{MAX_ROWS + 5} other cards, none with confirmed fraud"


def test_payments_before_the_newest_five_hundred_are_not_looked_at():
    make_label(make_decision(card_id="card-old", occurred_at=NOON - HOUR, **ALONE))
    template = make_decision(card_id="card-7731", occurred_at=NOON, outcome="approve", **ALONE)
    rows = []
    for number in range(LOOK_BACK - 1):
        template.pk, template.transaction_id = None, f"many-{number}"
        rows.append(
            type(template)(
                **{field.attname: getattr(template, field.attname) for field in template._meta.concrete_fields}
            )
        )
    type(template).objects.bulk_create(rows)

    device = related_to(make_decision(occurred_at=NOON + MINUTE))[0]

    assert device.summary == "no other card"
