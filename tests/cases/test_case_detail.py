"""The case page and what can be done on it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import CaseEvent
from cases.services import claims
from tests.factories import DAY, NOON, flag, make_decision, make_label

HTMX = {"HX-Request": "true"}


@pytest.fixture
def url(case):
    return lambda name: reverse(name, args=[case.id])


def text_of(response):
    return response.content.decode()


def test_the_page_answers_whether_this_is_the_cardholder(as_alice):
    for day in range(1, 6):
        make_decision(
            occurred_at=NOON - day * DAY,
            amount=Decimal(40),
            outcome="approve",
            device_id="old",
            ip_address="192.0.2.99",
        )
    case = flag(make_decision())

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "1,249.00" in text
    assert "Nordic Electronics" in text
    assert "7 payments in the last hour; 1 is usual" in text
    assert "speaks for fraud (+1.80 log-odds)" in text
    assert "40.00 EUR" in text
    assert "this is 31 times that" in text
    assert "new in 30 days" in text
    assert "5 other payments in 30 days, 40.00 to 40.00 EUR, usually 40.00; 1 in this case" in text


def test_the_page_remembers_who_looked_once(as_alice, case, url):
    as_alice.get(url("case_detail"))
    as_alice.get(url("case_detail"))

    assert case.events.filter(kind=CaseEvent.Kind.VIEWED).count() == 1


def test_hostile_names_are_text(as_alice):
    case = flag(
        make_decision(
            merchant_name="<script>alert(1)</script>",
            customer_id="<b>x</b>",
            reasons=[{"code": "x", "words": "<script>alert(2)</script>"}],
        )
    )

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "<script>alert" not in text
    assert "<b>x</b>" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_other_cards_on_the_device_are_shown_with_what_is_known(as_alice):
    fraud = make_decision(card_id="card-2209", merchant_id="m2", ip_address=None)
    make_label(fraud)
    make_decision(card_id="card-2209", merchant_id="m2", ip_address=None, outcome="approve")
    case = flag(make_decision())

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "1 other card, 1 with confirmed fraud" in text
    assert "fraud · chargeback" in text
    assert "•••• 2209</a> <span" in text


def test_more_payments_take_as_many_queries(as_alice, django_assert_max_num_queries, django_assert_num_queries):
    case = flag(make_decision(), make_decision())
    make_label(make_decision(card_id="other"))
    as_alice.get(case.get_absolute_url())
    with django_assert_max_num_queries(29) as few:
        as_alice.get(case.get_absolute_url())
    flag(make_decision(), make_decision())
    make_label(make_decision(card_id="other-2"))

    with django_assert_num_queries(len(few)):
        as_alice.get(case.get_absolute_url())


def test_a_case_without_scores_reasons_or_a_device_is_shown(as_alice):
    case = flag(make_decision(score=None, reasons=[], device_id="", ip_address=None, record={}, merchant_name=""))

    text = text_of(as_alice.get(case.get_absolute_url()))

    assert "not scored" in text
    assert "No reasons were stored" in text


def test_claiming_and_releasing(as_alice, alice, case, url):
    assert as_alice.post(url("claim")).url == case.get_absolute_url()
    case.refresh_from_db()
    assert case.claimed_by == alice

    assert as_alice.post(url("release")).url == reverse("queue")
    case.refresh_from_db()
    assert case.claimed_by is None


def test_the_open_page_claims_by_a_fragment(as_alice, alice, case, url):
    response = as_alice.post(url("claim"), headers=HTMX)

    assert "Yours while this page is open" in text_of(response)
    assert "<html" not in text_of(response)


def test_an_open_page_whose_claim_was_released_claims_no_more_by_itself(as_alice, alice, bob, case, url):
    claims.claim(case=case, analyst=alice, now=now())
    claims.release(case=case, actor=bob, now=now(), may_release_others=True)

    response = as_alice.post(url("claim"), {"renew": "on"}, headers=HTMX)

    assert response.status_code == 422
    assert "Nobody works on this case" in text_of(response)
    assert f'hx-post="{url("look")}"' in text_of(response)
    assert "load" not in text_of(response)
    assert "Claim it" in text_of(response)
    case.refresh_from_db()
    assert case.claimed_by is None


def test_who_comes_second_is_told_who_has_the_case(as_alice, bob, case, url):
    claims.claim(case=case, analyst=bob, now=now())

    fragment = as_alice.post(url("claim"), headers=HTMX)
    assert fragment.status_code == 422
    assert "Bob</b> is working on this case" in text_of(fragment)
    page = as_alice.post(url("claim"), follow=True)
    assert "Bob is working on this case. Nothing was changed." in text_of(page)
    assert as_alice.post(url("release")).status_code == 422


def test_a_lead_releases_the_claim_of_another(client, alice, bob, case, url):
    claims.claim(case=case, analyst=alice, now=now())
    client.force_login(bob)

    assert "Release Alice's claim" in text_of(client.get(url("case_detail")))
    client.post(url("release"))

    case.refresh_from_db()
    assert case.claimed_by is None


def test_notes_are_kept_in_order(as_alice, case, url):
    assert as_alice.post(url("add_note"), {"note": "first"}).url == case.get_absolute_url()
    text = text_of(as_alice.post(url("add_note"), {"note": "second"}, headers=HTMX))

    assert text.index("second") < text.index("first")
    assert "<html" not in text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_empty_note_is_refused(as_alice, case, url, headers):
    response = as_alice.post(url("add_note"), {"note": "  "}, headers=headers)

    assert response.status_code == 422
    assert "Write something first." in text_of(response)
    assert not case.events.filter(kind="note").exists()


def test_who_only_looks_gets_no_buttons(client, aude, case, url):
    client.force_login(aude)

    text = text_of(client.get(url("case_detail")))

    assert 'name="verdict"' not in text
    assert url("claim") not in text
    assert url("skip") not in text
    assert "You may read this case" in text


def test_a_claim_that_ran_out_is_free_again(as_alice, bob, case, url):
    claims.claim(case=case, analyst=bob, now=now() - timedelta(days=1))

    assert "Nobody works on this case" in text_of(as_alice.get(url("case_detail")))
