"""The page of a search: older and newer payments, what is refused, and what it costs."""

import pytest
from django.db import connection
from django.utils.timezone import now

from cases.queries import search as search_queries
from tests.factories import MINUTE, NOON, make_case, make_decision


def test_pages_lead_to_older_payments_and_back(client, alice, monkeypatch):
    monkeypatch.setattr(search_queries, "PAGE_ROWS", 2)
    names = [f"t{number}" for number in range(5)]
    for number, name in enumerate(names):
        # Two and two at the same instant: the place in the list must tell them apart.
        make_decision(transaction_id=name, occurred_at=NOON + number // 2 * MINUTE)
    client.force_login(alice)

    seen, response = [], client.get("/search/", {"since": "2026-11-01T00:00", "outcome": "flagged"})
    for key in "oop":
        seen.append(names_in(response))
        response = client.get("/search/" + link(response, key))
    seen.append(names_in(response))

    assert seen == [["t4", "t3"], ["t2", "t1"], ["t0"], ["t2", "t1"]]
    assert "with newer and older ones" in response.content.decode()
    assert "outcome=flagged" in link(response, "p")


def names_in(response):
    return [payment["transaction_id"] for payment in response.context["found"].payments]


def link(response, key):
    text = response.content.decode()
    return text.split(f'" data-key="{key}"')[0].rsplit('href="', 1)[1].replace("&amp;", "&")


def test_a_full_last_page_leads_no_further(search, monkeypatch):
    monkeypatch.setattr(search_queries, "PAGE_ROWS", 2)
    for _ in range(2):
        make_decision(occurred_at=now())

    text = search().content.decode()

    assert "All 2 payments that fit." in text
    assert "before=" not in text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("q", "x" * 65, "at most 64 characters"),
        ("q", "a\x00b", "Null characters"),
        ("since", "yesterday", "A time, like"),
        ("since", "11/12/2026", "A time, like"),
        ("since", "0001-01-01T00:00+14:00", "Between 1970 and 2100"),
        ("since", "0001-01-01T00:00", "Between 1970 and 2100"),
        ("until", "9999-12-31T23:59", "Between 1970 and 2100"),
        ("until", "1999-01-01T00:00", "Earlier than from"),
        ("amount_from", "1,50", "A number, like 1249.50"),
        ("amount_from", "NaN", "A number, like 1249.50"),
        ("amount_from", "-1", "greater than or equal to 0"),
        ("amount_to", "1", "Less than the amount from"),
        ("currency", "€", "Three letters"),
        ("outcome", "maybe", "not one of the available choices"),
        ("label", "?", "not one of the available choices"),
    ],
)
def test_a_bad_field_is_named_beside_it_and_the_rest_is_kept(search, field, value, message):
    fields = {"q": "card-1", "since": "2026-11-01T10:00", "amount_from": "12.5", "currency": "EUR", field: value}

    response = search(**fields)

    assert response.status_code == 422
    form = response.context["form"]
    assert list(form.errors) == [field]
    text = response.content.decode()
    beside = text.split(f'id="id_{field}_error"')[1].split("</ul>")[0]
    assert message in beside
    for name in fields.keys() - {field}:
        assert f'value="{fields[name]}"' in text


@pytest.mark.parametrize("place", ["x", "2026-11-20T12:00:00.000000Z_", "2026-13-20T12:00:00.000000Z_1", "_1"])
def test_a_broken_place_in_the_list_is_said(search, place):
    response = search(before=place)

    assert response.status_code == 422
    assert "This link is broken" in response.content.decode()


def test_a_search_that_reads_too_much_is_given_up_with_a_way_out(search, monkeypatch):
    monkeypatch.setattr(search_queries, "_PAGE_MILLISECONDS", 20)

    def read_for_ever(execute, sql, params, many, context):
        is_search = "ORDER BY" in sql and "scoring_decision" in sql
        return execute("SELECT pg_sleep(60)" if is_search else sql, None if is_search else params, many, context)

    with connection.execute_wrapper(read_for_ever):
        response = search(amount_from="5")

    assert response.status_code == 422
    text = response.content.decode()
    assert "Shorten the time between from and to" in text
    assert 'value="5"' in text


def test_twice_the_rows_take_as_many_queries(search, django_assert_max_num_queries, django_assert_num_queries):
    make_case(decisions=[make_decision(occurred_at=now(), card_id="both", device_id="both")])
    with django_assert_max_num_queries(15) as few:
        search(q="both")
    for card_id in ("card-1", "card-2"):
        make_case(decisions=[make_decision(occurred_at=now(), card_id=card_id, device_id="both")])

    with django_assert_num_queries(len(few)):
        search(q="both")
