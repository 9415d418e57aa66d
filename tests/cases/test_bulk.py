"""One verdict on many cases: what it says it will do, what it does, and what it passes over."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse

from cases.models import ApprovalLimit, Case
from cases.services import verdict_lists, verdicts
from scoring.services.lists import add_list_entry
from tests.cases.choosing import chosen, seen
from tests.factories import NOON, make_case, make_decision, make_user

HOSTILE = '<img src=x onerror="alert(1)">'


def test_the_page_says_what_one_verdict_would_do(as_alice):
    same = {"merchant_id": "m-1", "merchant_name": HOSTILE, "device_id": "d-1"}
    cases = [
        make_case(decisions=[make_decision(card_id="card-1", amount=Decimal(5), **same)], stake=Decimal(5)),
        make_case(
            decisions=[make_decision(card_id="card-2", amount=Decimal("7.5"), **same) for _ in range(2)],
            stake=Decimal(12),
        ),
    ]

    response = as_alice.get("/queue/selected/", chosen(cases))

    text = response.content.decode()
    assert response.status_code == 200
    assert "2 cases, 3 payments, one verdict" in text
    assert "label 3 payments of 2 cases fraud, close them" in text
    assert "17 EUR" in text
    assert "5.00 to 7.50 EUR" in text
    assert "All payments share:" in text
    assert "merchant &lt;img src=x" in text
    assert "first reason card_count_1h" in text
    assert HOSTILE not in text
    assert 'href="/queue/?currency=EUR"' in text
    assert Case.objects.filter(status="open").count() == 2


def test_the_page_says_what_is_held_blocked_and_needs_a_second_person(as_alice, alice):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    large, small = (
        make_case(
            decisions=[
                make_decision(card_id=f"card-{amount}", amount=Decimal(amount), outcome=outcome)
                for outcome in ("review", "decline")
            ]
        )
        for amount in (90, 5)
    )
    add_list_entry(
        list_name="block",
        entity="card",
        value="card-5",
        reason=f"Verdict fraud, case {small.id}",
        expires_at=None,
        author=alice,
    )

    text = as_alice.get("/queue/selected/", chosen([large, small])).content.decode()

    assert "refuse 2 held, label 4 payments of 2 cases fraud, close them; block no card; of 1 a second" in text
    assert (
        "release 2 held, lift the block of 1 card, label 4 payments of 2 cases legitimate, close them</small>" in text
    )
    assert verdict_lists.standing_blocks(small)


def test_a_mixed_group_warns_and_says_how_it_differs(as_alice):
    cases = [
        make_case(
            decisions=[
                make_decision(
                    card_id=f"card-{n}",
                    merchant_id=f"m-{n}",
                    device_id=f"d-{n}",
                    customer_id=f"c-{n}",
                    reasons=[{"code": f"r-{n}", "words": "x"}],
                )
            ]
        )
        for n in range(3)
    ]

    text = as_alice.get("/queue/selected/", chosen(cases)).content.decode()

    assert "A mixed group." in text
    assert "3 merchants, 3 devices, 3 customers, 3 first reasons" in text


def test_payments_below_the_first_of_a_case_count_for_what_is_shared(as_alice):
    one = make_case(decisions=[make_decision(card_id="a", merchant_id="m-1", device_id="", reasons=[])])
    other = make_case(
        decisions=[
            make_decision(card_id="b", merchant_id="m-1", device_id="", reasons=[]),
            make_decision(card_id="b", merchant_id="m-2", device_id="", reasons=[]),
        ]
    )

    assert "A mixed group." in as_alice.get("/queue/selected/", chosen([one, other])).content.decode()


def test_cases_that_were_decided_meanwhile_are_left_out_of_the_page(as_alice, bob):
    decided, still_open = make_case(card_id="card-done"), make_case(card_id="card-open")
    verdicts.record(case=decided, analyst=bob, verdict="fraud", typology="", note="", decided_at=NOON)

    text = as_alice.get("/queue/selected/", chosen([decided, still_open])).content.decode()

    assert "1 of the chosen cases is open no more" in text
    assert "1 case, 1 payment, one verdict" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "Choose a case first."),
        ({"case": "x"}, "This selection is broken."),
        ({"case": "-" * 36}, "This selection is broken."),
        ({"case": [str(uuid4()) for _ in range(101)]}, "At most 100 cases at once. You chose 101."),
    ],
)
def test_a_selection_that_does_not_do_is_refused_in_words(as_alice, values, says):
    response = as_alice.get("/queue/selected/", values)

    assert response.status_code == 422
    assert says in response.content.decode()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"verdict": "maybe"}, "Verdict: Select a valid choice."),
        ({"note": "x" * 2001}, "Note: Ensure this value has at most 2000 characters"),
        ({"case": ["{id}"]}, "This selection is broken."),
        ({"case": []}, "Choose a case first."),
    ],
)
def test_a_verdict_that_does_not_do_changes_nothing(as_alice, case, values, says):
    sent = {**seen([case]), **values}
    sent["case"] = [text.format(id=case.id) for text in sent["case"]]

    response = as_alice.post("/queue/selected/verdict/", sent)

    assert response.status_code == 422
    assert says in response.content.decode()
    assert Case.objects.get().status == "open"


def test_the_way_back_stays_in_the_queue(as_alice, case):
    response = as_alice.post("/queue/selected/verdict/", seen([case], back="?next=//evil.example&x=/../"))

    assert response.url == "/queue/?next=%2F%2Fevil.example&x=%2F..%2F"


def test_the_keys_of_the_page_wait_a_moment_however_it_came(as_alice, case):
    assert "data-key-guard" in as_alice.get("/queue/selected/", chosen([case])).content.decode()


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_who_only_looks_sees_no_boxes_and_decides_nothing(client, case, role):
    client.force_login(make_user(role))

    page = client.get("/queue/").content.decode()

    assert "checkbox" not in page.split('id="queue-rows"')[1]
    assert "selected-form" not in page
    assert client.get(reverse("selected"), chosen([case])).status_code == 403
    assert client.post(reverse("decide_selected"), seen([case])).status_code == 403
    assert Case.objects.get().status == "open"


def test_twice_the_cases_take_as_many_queries_to_look_at(as_alice, django_assert_num_queries):
    cases = [make_case() for _ in range(4)]
    with django_assert_num_queries(15):
        as_alice.get("/queue/selected/", chosen(cases[:2]))

    with django_assert_num_queries(15):
        as_alice.get("/queue/selected/", chosen(cases))
