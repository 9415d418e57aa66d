"""What the queue is asked for: the filter's conditions, words, addresses and orders."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connection
from django.http import QueryDict
from django.utils.timezone import now

from cases.board import Asked, FilterForm, Wish, others_of
from cases.models import Case
from cases.queries.board import order_of
from cases.services import claims
from tests.factories import MINUTE, flag, make_case, make_decision

HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def shown(client, alice):
    """Returns a function: the cards the queue shows at an address, in order."""
    client.force_login(alice)

    def cards(address: str) -> list[str]:
        response = client.get(f"/queue/?{address}")
        assert response.status_code == 200
        return [case.card_id for case in response.context["queue"].cases]

    return cards


def case_with(card: str, *, decision=None, **values) -> Case:
    moment = now()
    values = {"opened_at": moment, "due_at": moment + timedelta(hours=1), **values}
    return make_case(decisions=[make_decision(card_id=card, **(decision or {}))], **values)


@pytest.mark.parametrize(
    ("address", "decision", "values"),
    [
        ("risk=very-high", {"score": 0.9}, {}),
        ("risk=high", {"score": 0.89}, {}),
        ("risk=high-up", {"score": 0.5}, {}),
        ("risk=elevated", {"score": 0.49}, {}),
        ("risk=unknown", {"score": None}, {}),
        ("stake_from=77", {}, {"stake": Decimal(77)}),
        ("amount_from=1,250.00", {}, {"amount": Decimal(1250)}),
        ("amount_to=0.5", {}, {"amount": Decimal("0.5")}),
        ("currency=gbp", {}, {"currency": "GBP"}),
        ("reason=KILOMETRES", {}, {"top_reason": "4,700 kilometres in 27 minutes"}),
        ("reason=card-testing", {"reasons": [{"code": "x", "words": "y"}, {"code": "card-testing", "words": "z"}]}, {}),
        ("channel=atm", {"record": {"channel": "atm"}}, {}),
        ("country=no", {"record": {"merchant_country": "NO"}}, {}),
        ("text=m-special", {"merchant_id": "m-special"}, {}),
        ("text=shop+%26+Son", {"merchant_name": "A Shop & Sons"}, {}),
        ("text=d-77", {"device_id": "d-77"}, {}),
        ("text=c-77", {"customer_id": "c-77"}, {}),
        ("text=ssed", {}, {}),
        ("text=card-missed", {}, {}),
        ("due=30", {}, {"due_at": now() + 29 * MINUTE}),
        ("due=0", {}, {"due_at": now() - MINUTE}),
        ("older=60", {}, {"opened_at": now() - 61 * MINUTE}),
    ],
)
def test_each_filter_finds_what_it_names_and_nothing_else(shown, address, decision, values):
    fitting = {"score": 0.7} if address.startswith("risk") else {}
    other = {"risk=high-up": 0.1, "risk=high": 0.95, "risk=very-high": 0.89, "risk=elevated": 0.5, "risk=unknown": 0.0}
    case_with("card-missed", decision=fitting | decision, **{"stake": Decimal(76), **values})
    if "text" in address and not decision:
        case_with("card-other")
    else:
        kept = {"score": other.get(address, 0.7), "record": {}, "reasons": [{"code": "velocity", "words": "fast"}]}
        case_with("card-other", decision=kept, stake=Decimal(76))

    assert shown(address) == ["card-missed"]


def test_claims_are_filtered_by_who_has_them(shown, alice, bob):
    for card, person in {"card-mine": alice, "card-his": bob}.items():
        claims.claim(case=case_with(card), analyst=person, now=now())
    claims.claim(case=case_with("card-ran-out"), analyst=bob, now=now() - timedelta(days=1))

    assert shown("claimed=mine") == ["card-mine"]
    assert shown("claimed=free") == ["card-ran-out"]
    assert set(shown("claimed=taken")) == {"card-mine", "card-his"}
    assert shown("by=bob") == ["card-his"]
    assert shown("by=nobody") == []


def test_filters_and_the_queues_own_views_hold_together(shown, alice):
    claims.claim(case=case_with("card-1", amount=Decimal(500)), analyst=alice, now=now())
    claims.claim(case=case_with("card-2", amount=Decimal(5)), analyst=alice, now=now())
    case_with("card-3", amount=Decimal(500))

    assert shown("view=mine&amount_from=100") == ["card-1"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", "bca"),
        ("-weight", "acb"),
        ("stake", "cba"),
        ("-stake", "abc"),
        ("amount", "acb"),
        ("-amount", "bca"),
        ("left", "bac"),
        ("-left", "cab"),
        ("age", "bca"),
        ("-age", "acb"),
    ],
)
def test_the_list_is_ordered_by_each_column_both_ways(shown, sort, expected):
    moment = now()
    for card, stake, amount, left, age in [("a", 1, 9, 20, 1), ("b", 2, 7, 10, 9), ("c", 3, 8, 30, 5)]:
        case_with(
            card,
            stake=Decimal(stake),
            amount=Decimal(amount),
            due_at=moment + left * MINUTE,
            opened_at=moment - age * MINUTE,
        )

    assert "".join(shown(f"sort={sort}")) == expected


def test_cases_that_are_alike_stand_in_the_same_order_at_each_look(shown):
    moment = now()
    for number in range(8):
        case_with(f"card-{number}", opened_at=moment, due_at=moment)

    assert shown("sort=stake") == shown("sort=stake") == list(reversed(shown("sort=-stake")))


@pytest.mark.parametrize(
    ("address", "title", "says"),
    [
        ("amount_from=abc", "Amount from", "A number, like 1249.50."),
        ("amount_from=-1", "Amount from", "greater than or equal to 0"),
        ("amount_from=1&amount_to=0.5", "Amount to", "Less than the amount from."),
        ("currency=EURO", "Currency", "3 letters, like EUR."),
        ("country=S1", "Country of shop", "2 letters, like SE."),
        ("risk=sky-high", "Risk", "Choose one of the list."),
        ("claimed=x", "Claimed", "Choose one of the list."),
        ("sort=name", "Order", "Choose one of the list."),
        ("sort=weight", "Order", "Choose one of the list."),
        ("due=31536000000000", "Time left", "Choose one of the list."),
        (f"text={'x' * 65}", "Card, customer, merchant or device", "at most 64 characters"),
        ("text=%00", "Card, customer, merchant or device", "Null characters are not allowed."),
    ],
)
def test_a_bad_value_is_named_with_its_field_and_nothing_is_lost(client, alice, case, address, title, says):
    client.force_login(alice)

    response = client.get(f"/queue/?{address}&reason=kept+as+it+was")

    text = response.content.decode()
    assert response.status_code == 422
    assert f"Not filtered: {title} – " in text
    assert says in text
    assert 'value="kept as it was"' in text
    assert "?view=all" in text
    assert "<tr data-case" not in text
    assert 'data-view-count="all">1<' in text


def test_what_was_filtered_by_is_shown_as_text_and_each_part_can_be_taken_away(client, alice):
    client.force_login(alice)

    text = client.get("/queue/", {"text": HOSTILE, "amount_from": "100.50", "queue": "large"}).content.decode()

    assert HOSTILE not in text
    assert "&lt;img src=x" in text
    assert 'href="?queue=large&amp;amount_from=100.5"' in text
    assert "amount from 100.5" in text


def test_links_keep_the_filter_and_what_is_not_the_filters():
    form = FilterForm(QueryDict("amount_from=1,000.00&currency=eur&view=all&sort=&text="))
    assert form.is_valid()

    asked = Asked(form.values(), others_of(QueryDict("queue=large&amount_from=1&saved=3")))

    assert asked.values == {"amount_from": "1000", "currency": "EUR"}
    assert asked.address(sort="age") == "?queue=large&amount_from=1000&currency=EUR&sort=age"
    assert asked.chips[0].address == "?queue=large&currency=EUR"
    assert asked.without_filters == "?queue=large"
    assert asked.wish == Wish(amount_from=Decimal(1000), currency="EUR")


def test_an_address_without_anything_is_that_of_all_cases():
    assert Asked({}).address() == "?view=all"


@pytest.mark.parametrize(
    ("sort", "aria", "next_sort"),
    [("", "", "sort=left"), ("left", "ascending", "sort=-left"), ("-left", "descending", "sort=left")],
)
def test_a_heading_says_how_it_sorts_and_turns_it_round(sort, aria, next_sort):
    heading = Asked({"sort": sort} if sort else {}).headings["left"]

    assert heading.aria == aria
    assert heading.address.endswith(next_sort)


def test_another_order_than_the_work_order_is_said(client, alice, case):
    client.force_login(alice)

    assert "not the work order" not in client.get("/queue/").content.decode()
    text = client.get("/queue/?sort=age").content.decode()
    assert "Oldest first, not the work order." in text
    assert 'aria-sort="descending"><a class="sort" href="?sort=-age">Age</a>' in text


def test_a_case_takes_the_facts_of_its_payment_with_the_highest_stake(db):
    flag(make_decision(amount=Decimal(10), merchant_id="m-1", device_id="d-1", record={"channel": "pos"}))
    case = flag(make_decision(amount=Decimal(900), merchant_id="m-2", device_id="", record={"merchant_country": "SE"}))
    flag(make_decision(amount=Decimal(20), merchant_id="m-3", device_id="d-3"))

    case.refresh_from_db()
    assert (case.merchant_id, case.device_id, case.channel, case.country) == ("m-2", "", "", "SE")
    assert case.reason_codes == ["card_count_1h", "merchant_risk"]


@pytest.mark.parametrize(
    ("address", "queries"), [("", 14), ("risk=very-high&reason=card_count_1h&by=bob&sort=age", 15), ("sort=left", 14)]
)
def test_twice_the_rows_take_as_many_queries(client, alice, bob, address, queries, django_assert_num_queries):
    client.force_login(alice)
    for number in range(2):
        claims.claim(case=case_with(f"card-{number}"), analyst=bob, now=now())
    with django_assert_num_queries(queries):
        client.get(f"/queue/?{address}")
    for number in range(2, 8):
        claims.claim(case=case_with(f"card-{number}"), analyst=bob, now=now())

    with django_assert_num_queries(queries):
        client.get(f"/queue/?{address}")


@pytest.mark.parametrize("column", ["stake", "amount", "left", "age"])
def test_each_order_is_read_from_an_index(db, alice, column):
    for number in range(300):
        case_with(f"card-{number}", stake=Decimal(number))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE cases_case")
    first = order_of(column)[:1]
    plan = Case.objects.filter(status="open").order_by(*first)[:5].explain()

    assert "Index Scan" in plan


def test_the_migration_gives_open_cases_of_before_what_they_are_filtered_by(db):
    small = make_decision(amount=Decimal(10), merchant_id="m-1", reasons=[])
    large = make_decision(amount=Decimal(900), merchant_id="m-2", score=None, record={"channel": "atm"})
    case = make_case(decisions=[small, large], merchant_id="", device_id="", channel="", reason_codes=[])
    decided = make_case(merchant_id="", status="decided", verdict="fraud", decided_at=now())

    with connection.cursor() as cursor:
        cursor.execute(import_module("cases.migrations.0011_board")._FILL)

    case.refresh_from_db()
    decided.refresh_from_db()
    assert (case.merchant_id, case.device_id, case.channel, case.country) == ("m-2", "device-1", "atm", "")
    assert case.reason_codes == ["card_count_1h", "merchant_risk"]
    assert decided.merchant_id == ""
