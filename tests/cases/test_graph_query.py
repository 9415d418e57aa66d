"""Whom a case's card is found to stand together with."""

from datetime import timedelta

import pytest

from cases.queries.graph import case_graph
from cases.queries.queues import desk_of
from tests.factories import DAY, HOUR, NOON, flag, make_case, make_decision, make_label, make_queue, make_user

pytestmark = pytest.mark.django_db
ALONE = {"ip_address": None, "merchant_id": "m-far", "merchant_name": "Far"}


@pytest.fixture
def desk():
    return desk_of(make_user("lead"))


def boxes_of(case, desk):
    return {box.node.key: box.node for box in case_graph(case, desk=desk).drawing.boxes}


def test_a_card_alone_is_drawn_with_what_its_payments_carry(desk):
    case = flag(make_decision(customer_id="c-1"), make_decision(customer_id="c-1", device_id="device-2"))

    boxes = boxes_of(case, desk)

    assert set(boxes) == {
        "card card-7731", "customer c-1", "device device-1", "device device-2", "ip 192.0.2.7", "merchant m-nordic",
    }  # fmt: skip
    assert boxes["customer c-1"].facts == "2 payments · no other card"
    assert boxes["merchant m-nordic"].label == "Merchant Nordic Electronics"
    assert boxes["merchant m-nordic"].facts == "2 payments · no fraud lately"


def test_other_cards_show_what_was_confirmed(desk):
    make_label(make_decision(card_id="card-0001", **ALONE))
    make_label(make_decision(card_id="card-0002", **ALONE), "legitimate")
    make_decision(card_id="card-0003", outcome="approve", **ALONE)
    flag(make_decision(card_id="card-0004", **ALONE))
    case = flag(make_decision())

    boxes = boxes_of(case, desk)

    marks = {key: (node.mark, node.mark_words) for key, node in boxes.items() if node.column == 2}
    assert marks == {
        "card card-0001": ("fraud", "1 fraud"),
        "card card-0002": ("legitimate", "legitimate"),
        "card card-0003": ("", "no verdict"),
        "card card-0004": ("open", "open case"),
    }
    assert boxes["device device-1"].title == ("Device device-1: 1 payment of this case; 4 other cards, 1 fraud")
    assert "1 payment with device device-1; 1 payment confirmed fraud" in boxes["card card-0001"].title


def test_fraud_of_another_card_elsewhere_counts(desk):
    make_label(make_decision(card_id="card-0001", device_id="another", **ALONE))
    make_decision(card_id="card-0001", outcome="approve", **ALONE)
    case = flag(make_decision())

    boxes = boxes_of(case, desk)

    assert boxes["card card-0001"].mark == "fraud"
    assert boxes["device device-1"].mark == "fraud"


def test_a_decided_case_says_its_verdict(desk):
    make_case(
        decisions=[make_decision(card_id="card-0001", **ALONE)],
        status="decided", verdict="inconclusive", decided_at=NOON,
    )  # fmt: skip

    node = boxes_of(flag(make_decision()), desk)["card card-0001"]

    assert (node.mark, node.mark_words) == ("decided", "case: inconclusive")


def test_of_a_shop_only_cards_with_fraud_are_shown(desk):
    shop = {"device_id": "", "ip_address": None}
    make_decision(card_id="card-0001", outcome="approve", **shop)
    make_label(make_decision(card_id="card-0002", **shop))
    case = flag(make_decision(**shop))

    boxes = boxes_of(case, desk)

    assert "card card-0001" not in boxes
    assert boxes["card card-0002"].mark == "fraud"
    assert boxes["merchant m-nordic"].facts == "1 payment · 1 card with fraud lately"


def test_payments_of_more_than_30_days_before_tie_nobody(desk):
    make_decision(card_id="card-0001", occurred_at=NOON - 31 * DAY, **ALONE)
    make_decision(card_id="card-0002", occurred_at=NOON - 29 * DAY, **ALONE)

    boxes = boxes_of(flag(make_decision()), desk)

    assert "card card-0001" not in boxes
    assert "card card-0002" in boxes


def test_a_busy_device_has_a_box_for_the_rest_and_the_worst_are_shown(desk):
    for number in range(30):
        payment = make_decision(
            card_id=f"card-{number:04d}", occurred_at=NOON - timedelta(minutes=number), outcome="approve", **ALONE
        )
        if number in {7, 29}:
            make_label(payment)

    boxes = boxes_of(flag(make_decision()), desk)

    cards = [node for node in boxes.values() if node.column == 2 and node.mark != "more"]
    assert len(cards) == 12
    assert {node.key for node in cards if node.mark == "fraud"} == {"card card-0007", "card card-0029"}
    more = boxes["more device device-1"]
    assert more.label == "+18 more cards"
    assert (more.entity.kind, more.entity.name) == ("device", "device-1")


def test_a_case_with_everything_many_times_stays_readable(desk):
    payments = [
        make_decision(
            customer_id=f"c-{n}", device_id=f"d-{n}", ip_address=f"192.0.2.{n}", merchant_id=f"m-{n}",
            occurred_at=NOON + n * HOUR,
        )
        for n in range(6)
    ]  # fmt: skip
    for n in range(6):
        for other in range(8):
            make_decision(card_id=f"card-{n}{other}", device_id=f"d-{n}", ip_address=f"192.0.2.{n}", merchant_id="m-x")

    boxes = boxes_of(flag(*payments), desk)

    assert len(boxes) <= 39
    assert boxes["more device"].label == "+3 more devices"
    assert boxes["more customer"].label == "+4 more customers"


def test_more_payments_take_as_many_queries(desk, django_assert_num_queries):
    case = flag(make_decision())
    make_decision(card_id="card-0001")
    with django_assert_num_queries(4):
        case_graph(case, desk=desk)
    flag(make_decision(device_id="device-2", customer_id="c-2"))
    for number in range(40):
        make_label(make_decision(card_id=f"card-{number:04d}", device_id=f"device-{number % 3}"))
    case.refresh_from_db()

    with django_assert_num_queries(4):
        case_graph(case, desk=desk)


def test_the_case_of_a_queue_that_one_does_not_see_is_not_told_of():
    ann, alice = make_user(username="ann"), make_user(username="alice")
    secret = make_queue("secret", members=[ann], takes_new=False)
    make_case(decisions=[make_decision(card_id="card-0001", **ALONE)], queue=secret)
    case = flag(make_decision())

    unseen, seen = (boxes_of(case, desk_of(person))["card card-0001"] for person in (alice, ann))

    assert (unseen.mark, unseen.mark_words) == ("", "no verdict")
    assert "case" not in unseen.title
    assert (seen.mark, seen.mark_words) == ("open", "open case")


def test_a_case_that_waits_for_a_second_person_says_so(desk):
    make_case(decisions=[make_decision(card_id="card-0001", **ALONE)], status="approval")

    node = boxes_of(flag(make_decision()), desk)["card card-0001"]

    assert (node.mark, node.mark_words) == ("open", "to approve")
    assert node.title.endswith("; its case waits for a second person")


def test_a_case_that_went_into_another_is_not_counted(desk):
    older = make_case(
        decisions=[make_decision(card_id="card-0001", **ALONE)],
        status="decided", verdict="fraud", decided_at=NOON,
    )  # fmt: skip
    make_case(card_id="card-0001", status="merged", merged_into=older)

    assert boxes_of(flag(make_decision()), desk)["card card-0001"].mark_words == "case: fraud"
