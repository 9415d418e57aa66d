"""The queue's page and fragment, and taking the next case."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from cases.queries import queue as queue_queries
from cases.services import claims, presence
from tests.factories import make_case, make_decision

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def page(client, alice):
    client.force_login(alice)
    return lambda address="/queue/", **headers: client.get(address, headers=headers)


def test_most_at_stake_comes_first(page):
    for stake in (10, 3000, 200):
        make_case(stake=Decimal(stake))

    text = page().content.decode()

    assert text.index("<b>3,000</b>") < text.index("<b>200</b>") < text.index("<b>10</b>")
    assert "<title>(3) Queue" in text


def test_a_row_shows_what_an_analyst_chooses_by(page):
    case = make_case(
        decisions=[make_decision(card_id="tok-secret-7731"), make_decision(card_id="tok-secret-7731")],
        amount=Decimal("1249"),
        due_at=now() + timedelta(minutes=8, seconds=30),
    )

    text = page().content.decode()

    assert "1,249.00" in text
    assert "•••• 7731" in text
    assert "2 payments" in text
    assert "very high" in text
    assert "8 min" in text
    assert case.top_reason in text


def test_a_hostile_reason_is_text(page):
    make_case(top_reason=HOSTILE)

    text = page().content.decode()

    assert HOSTILE not in text
    assert "&lt;img src=x" in text


def test_an_empty_queue_says_so(page):
    assert "Nothing waits for you" in page().content.decode()


def test_who_works_on_a_case_is_shown_until_the_lease_ends(page, alice, bob):
    mine, his = make_case(), make_case()
    claims.claim(case=mine, analyst=alice, now=now())
    claims.claim(case=his, analyst=bob, now=now())
    late = make_case()
    claims.claim(case=late, analyst=bob, now=now() - timedelta(days=1))

    text = page().content.decode()

    assert text.count("Bob <span") == 1
    assert text.count("you <span") == 1


@pytest.mark.parametrize(("view", "expected"), [("mine", 1), ("free", 2), ("due", 1), ("all", 4), ("?<x>", 4)])
def test_views_choose_rows(page, alice, bob, view, expected):
    claims.claim(case=make_case(due_at=now() + timedelta(hours=1)), analyst=alice, now=now())
    claims.claim(case=make_case(due_at=now() + timedelta(hours=1)), analyst=bob, now=now())
    make_case(due_at=now() + timedelta(minutes=5))
    make_case(due_at=now() + timedelta(hours=1))

    assert page(f"/queue/?view={view}").content.decode().count("<tr data-case") == expected


def test_the_fragment_is_the_rows_alone(page):
    make_case()

    text = page(HX_Request="true").content.decode()

    assert 'id="queue-rows"' in text
    assert "<html" not in text


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_twice_the_rows_take_as_many_queries(
    client, alice, bob, headers, django_assert_max_num_queries, django_assert_num_queries
):
    client.force_login(alice)
    make_case()
    claims.claim(case=make_case(), analyst=bob, now=now())
    with django_assert_max_num_queries(15) as few:
        client.get("/queue/", headers=headers)
    for _ in range(2):
        claims.claim(case=make_case(), analyst=alice, now=now())
        presence.record_sign(case=make_case(), viewer=bob, now=now())

    with django_assert_num_queries(len(few)):
        client.get("/queue/", headers=headers)


def test_at_most_so_many_rows_and_the_true_number(page, alice, monkeypatch):
    monkeypatch.setattr(queue_queries, "MAX_ROWS", 2)
    for _ in range(3):
        make_case()

    text = page().content.decode()

    assert text.count("<tr data-case") == 2
    assert "The first 2 of 3 in the work order." in text


def test_next_claims_the_top_case_and_opens_it(client, alice):
    make_case(stake=Decimal(1))
    top = make_case(stake=Decimal(2))
    client.force_login(alice)

    response = client.post("/next/")

    assert response.url == top.get_absolute_url()
    top.refresh_from_db()
    assert top.claimed_by == alice


def test_next_without_a_free_case_returns_to_the_queue(client, alice):
    client.force_login(alice)

    response = client.post("/next/", follow=True)

    assert "No unclaimed case is waiting" in response.content.decode()
