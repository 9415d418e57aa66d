"""Searching payments: by a name, by filters, page by page, and as a file."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from urllib.parse import urlencode

import polars as pl
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from cases import exports
from cases.models import PaymentExport
from cases.queries import search as search_queries
from cases.search import SearchForm
from cases.services import exports as export_service
from cases.views import search as search_view
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_label, make_user

HOSTILE = '<img src=x onerror="alert(1)">'
CARD_NUMBER = "4111111111111111"
ALL_TIME = "2026-11-01T00:00"


def found(**fields):
    """Transaction ids that a search finds, in its order."""
    form = SearchForm(QueryDict(urlencode(fields)), now=NOON + HOUR)
    assert form.is_valid(), form.errors
    return [payment["transaction_id"] for payment in search_queries.found_payments(form.search()).payments]


@pytest.fixture
def page(client, alice):
    client.force_login(alice)
    return lambda **fields: client.get("/search/", fields)


@pytest.fixture
def export(client, bob):
    client.force_login(bob)
    return lambda file_format="csv", **fields: client.post(f"/search/export.{file_format}", fields)


def content_of(response):
    async def read():
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(read)().decode()


def rows_of(response):
    return list(csv.DictReader(StringIO(content_of(response), newline="")))


@pytest.mark.parametrize(
    ("field", "meaning"),
    [
        ("transaction_id", "is a transaction."),
        ("card_id", "is a card."),
        ("customer_id", "is a customer."),
        ("merchant_id", "is a merchant."),
        ("device_id", "is a device."),
    ],
)
def test_a_name_finds_its_payments_and_says_what_it_is(page, field, meaning):
    make_decision(transaction_id="mine", **{"card_id": "c", field: "wanted"} if field != "transaction_id" else {})
    if field == "transaction_id":
        make_decision(transaction_id="wanted")
    make_decision(transaction_id="other", customer_id="wanted-not")

    text = page(q=" wanted ").content.decode()

    assert f'<b class="break">wanted</b> {meaning}' in text
    assert text.count('class="row-link"') == 1


@pytest.mark.parametrize("kept", ["192.0.2.9", "::ffff:192.0.2.9"])
@pytest.mark.parametrize("asked", ["192.0.2.9", "::ffff:c000:209"])
def test_an_address_is_found_however_it_was_written(db, kept, asked):
    make_decision(transaction_id="mine", ip_address=kept)
    make_decision(ip_address="192.0.2.99")

    assert found(q=asked) == ["mine"]


@pytest.mark.parametrize("text", ["fe80::1%eth0", "999.1.1.1", "%", "'; --", "ü", "x" * 64])
def test_a_name_that_nothing_has_finds_nothing(db, text):
    make_decision()

    assert found(q=text) == []


def test_a_name_that_is_several_things_finds_the_payments_of_all(page):
    make_decision(transaction_id="a", card_id="twice", occurred_at=NOON)
    make_decision(transaction_id="b", device_id="twice", occurred_at=NOON - HOUR)
    make_decision(transaction_id="c", card_id="twice", device_id="twice", occurred_at=NOON - DAY)
    make_decision(transaction_id="d")

    assert "is a card and a device." in page(q="twice").content.decode()
    assert found(q="twice") == ["a", "b", "c"]


def test_an_unknown_name_is_said_to_be_unknown(page):
    make_decision()

    text = page(q="7731").content.decode()

    assert "Nothing has this name" in text
    assert "the last four of a card are not enough" in text


def test_who_searches_a_card_number_is_told_to_use_the_token(page):
    assert "It looks like a card number" in page(q=CARD_NUMBER).content.decode()


def test_the_newest_come_first(db):
    for name, age in [("b", HOUR), ("a", MINUTE), ("c", DAY)]:
        make_decision(transaction_id=name, occurred_at=NOON - age)

    assert found() == ["a", "b", "c"]


def test_without_a_name_the_last_week_is_searched_and_shown(page, db):
    make_decision(transaction_id="new", occurred_at=now() - 6 * DAY)
    make_decision(transaction_id="old", occurred_at=now() - 8 * DAY)

    text = page().content.decode()

    assert text.count('class="row-link"') == 1
    assert f'name="since" value="{now() - 7 * DAY:%Y-%m-%d }' in text


def test_the_week_before_an_end_is_shown_in_utc_whatever_the_end_was_written_in(page):
    assert 'name="since" value="2026-11-13 10:00"' in page(until="2026-11-20T12:00+02:00").content.decode()


def test_with_a_name_all_of_time_is_searched(db):
    make_decision(transaction_id="old", card_id="card-1", occurred_at=NOON - 900 * DAY)

    assert found(q="card-1") == ["old"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"amount_from": "100"}, ["100", "1,000"]),
        ({"amount_to": "100"}, ["99", "100"]),
        ({"amount_from": "1,000.00"}, ["1,000"]),
        ({"amount_from": "99.5", "amount_to": "100.5"}, ["100"]),
        ({"currency": "usd"}, ["1,000"]),
        ({"currency": "EUR", "amount_from": "100"}, ["100"]),
    ],
)
def test_amounts_and_currency_choose(db, fields, expected):
    for name in ["1,000", "100", "99"]:
        amount = Decimal(name.replace(",", ""))
        make_decision(transaction_id=name, amount=amount, currency="USD" if amount == 1000 else "EUR")

    assert found(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"since": "2026-11-20T11:30"}, ["12:00:31", "11:30:00"]),
        ({"since": "2026-11-20T11:31"}, ["12:00:31"]),
        ({"until": "2026-11-20T12:00"}, ["12:00:31", "11:30:00"]),
        ({"until": "2026-11-20T11:59"}, ["11:30:00"]),
        ({"since": "2026-11-20 12:00:31", "until": "2026-11-20 12:00:31"}, ["12:00:31"]),
        ({"since": "2026-11-20", "until": "2026-11-20"}, ["12:00:31", "11:30:00"]),
        ({"since": "2026-11-20T13:00+02:00", "until": "2026-11-20T11:30Z"}, ["11:30:00"]),
        ({"until": "2026-11-19"}, []),
    ],
)
def test_times_choose_by_whole_minutes(db, fields, expected):
    make_decision(transaction_id="11:30:00", occurred_at=NOON - 30 * MINUTE)
    make_decision(transaction_id="12:00:31", occurred_at=NOON + timedelta(seconds=31))

    assert found(**fields) == expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("flagged", "rd"), ("approve", "a"), ("review", "r"), ("decline", "d"), ("", "ard")],
)
def test_outcomes_choose(db, outcome, expected):
    for minutes, name in enumerate(["approve", "review", "decline"]):
        make_decision(transaction_id=name[0], outcome=name, occurred_at=NOON - minutes * MINUTE)

    assert found(outcome=outcome) == list(expected)


@pytest.mark.parametrize(("label", "expected"), [("fraud", ["f"]), ("legitimate", ["l"]), ("none", ["n"])])
def test_the_latest_label_chooses(db, label, expected):
    first, second, _ = (make_decision(transaction_id=name) for name in "fln")
    for decision, said in [(first, ["legitimate", "fraud"]), (second, ["fraud", "legitimate"])]:
        for number, value in enumerate(said):
            make_label(decision, value, known_at=NOON + number * HOUR)

    assert found(label=label) == expected


def test_of_labels_known_at_the_same_time_the_last_written_counts(db):
    decision = make_decision(transaction_id="t")
    make_label(decision, "fraud", source="analyst")
    make_label(decision, "legitimate", source="chargeback")

    assert found(label="legitimate") == ["t"]
    assert found(label="fraud") == []


def test_a_row_shows_what_is_known_and_opens_the_case(page):
    decision = make_decision(occurred_at=now(), card_id="tok-secret-7731", device_id="device-abcdefgh-0042")
    case = make_case(decisions=[decision])

    text = page().content.decode()

    assert f'class="row-link" href="{case.get_absolute_url()}"' in text
    for shown in ["•••• 7731", "1,249.00", "Nordic Electronics", "…cdefgh-0042", "192.0.2.7", "open case", "0.950"]:
        assert shown in text


def test_a_row_without_a_case_leads_to_all_payments_of_its_card(page):
    make_decision(occurred_at=now(), card_id="a&b/c#1", outcome="approve")

    assert 'class="row-link" href="?q=a%26b%2Fc%231"' in page().content.decode()


def test_hostile_names_are_text(page):
    make_decision(occurred_at=now(), merchant_name=HOSTILE, merchant_id='"><script>', device_id="'><b>")

    text = page().content.decode()

    assert "<script>" not in text
    assert "<img src=x" not in text
    assert "<b>" not in text.split("data-rows")[1]
    assert "<i>" not in page(q="<i>").content.decode()


def test_pages_lead_to_older_payments_and_back(client, alice, monkeypatch):
    monkeypatch.setattr(search_queries, "PAGE_ROWS", 2)
    names = [f"t{number}" for number in range(5)]
    for number, name in enumerate(names):
        # Two and two at the same instant: the place in the list must tell them apart.
        make_decision(transaction_id=name, occurred_at=NOON + number // 2 * MINUTE)
    client.force_login(alice)

    seen, response = [], client.get("/search/", {"since": ALL_TIME, "outcome": "flagged"})
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


def test_a_full_last_page_leads_no_further(page, monkeypatch):
    monkeypatch.setattr(search_queries, "PAGE_ROWS", 2)
    for _ in range(2):
        make_decision(occurred_at=now())

    text = page().content.decode()

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
def test_a_bad_field_is_named_beside_it_and_the_rest_is_kept(page, field, value, message):
    fields = {"q": "card-1", "since": "2026-11-01T10:00", "amount_from": "12.5", "currency": "EUR", field: value}

    response = page(**fields)

    assert response.status_code == 422
    form = response.context["form"]
    assert list(form.errors) == [field]
    text = response.content.decode()
    beside = text.split(f'id="id_{field}_error"')[1].split("</ul>")[0]
    assert message in beside
    for name in fields.keys() - {field}:
        assert f'value="{fields[name]}"' in text


@pytest.mark.parametrize("place", ["x", "2026-11-20T12:00:00.000000Z_", "2026-13-20T12:00:00.000000Z_1", "_1"])
def test_a_broken_place_in_the_list_is_said(page, place):
    response = page(before=place)

    assert response.status_code == 422
    assert "This link is broken" in response.content.decode()


def test_a_search_that_reads_too_much_is_given_up_with_a_way_out(page, monkeypatch):
    monkeypatch.setattr(search_queries, "_PAGE_MILLISECONDS", 20)

    def read_for_ever(execute, sql, params, many, context):
        is_search = "ORDER BY" in sql and "scoring_decision" in sql
        return execute("SELECT pg_sleep(60)" if is_search else sql, None if is_search else params, many, context)

    with connection.execute_wrapper(read_for_ever):
        response = page(amount_from="5")

    assert response.status_code == 422
    text = response.content.decode()
    assert "Shorten the time between from and to" in text
    assert 'value="5"' in text


def test_twice_the_rows_take_as_many_queries(page, django_assert_max_num_queries, django_assert_num_queries):
    make_case(decisions=[make_decision(occurred_at=now(), card_id="both", device_id="both")])
    with django_assert_max_num_queries(13) as few:
        page(q="both")
    for card_id in ("card-1", "card-2"):
        make_case(decisions=[make_decision(occurred_at=now(), card_id=card_id, device_id="both")])

    with django_assert_num_queries(len(few)):
        page(q="both")


@pytest.mark.parametrize(
    "fields", [{"q": "192.0.2.7"}, {}, {"outcome": "flagged"}, {"label": "fraud"}, {"q": "card-7731", "label": "none"}]
)
def test_no_search_reads_all_payments(db, fields):
    make_decision()
    with connection.cursor() as cursor:
        # With one row a plan without an index is the quickest: refused here unless there is no index to use.
        cursor.execute("SET LOCAL enable_seqscan = off")
    with CaptureQueriesContext(connection) as queries:
        found(**fields)

    selects = [query["sql"] for query in queries if "scoring_decision" in query["sql"]]
    with connection.cursor() as cursor:
        for sql in selects:
            cursor.execute(f"EXPLAIN {sql}")
            assert "Seq Scan on scoring_decision" not in str(cursor.fetchall())
    assert selects


def test_an_export_holds_all_that_fits_whatever_page_was_open(export):
    for number in range(3):
        make_decision(transaction_id=f"t{number}", occurred_at=NOON + number * MINUTE)
    make_decision(transaction_id="other", occurred_at=NOON, outcome="approve")

    response = export(since=ALL_TIME, outcome="flagged", before="2026-11-20T12:01:00.000000Z_1")

    assert [row["transaction_id"] for row in rows_of(response)] == ["t2", "t1", "t0"]


def test_a_csv_says_what_is_known_of_a_payment(export):
    decision = make_decision(customer_id="c-1", score=0.25)
    case = make_case(decisions=[decision])
    make_label(decision)

    response = export(q="c-1")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = rows_of(response)
    assert row["occurred_at"] == "2026-11-20T12:00:00+00:00"
    assert (row["amount"], row["currency"], row["score"]) == ("1249", "EUR", "0.25")
    assert (row["card_id"], row["ip_address"]) == (decision.card_id, "192.0.2.7")
    assert (row["label"], row["label_source"]) == ("fraud", "chargeback")
    assert (row["case_id"], row["case_status"], row["case_verdict"]) == (str(case.id), "open", "")


def test_a_parquet_file_has_the_same_rows_as_typed_values(export):
    decision = make_decision(customer_id="c-1", merchant_name="=1+1", score=None)

    response = export("parquet", q="c-1")

    row = pl.read_parquet(BytesIO(response.content)).row(0, named=True)
    assert (row["occurred_at"], row["amount"]) == (decision.occurred_at, Decimal("1249.0000"))
    assert (row["merchant_name"], row["score"], row["label"], row["case_id"]) == ("=1+1", None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ('"=1', "'\"=1"),
        (" =1", "' =1"),
        ("'=1", "''=1"),
        ("shop;=1", "shop;'=1"),
        ('shop,"=1', "shop,'\"=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=b", "a=b"),
        ("Müller-Lüdenscheidt", "Müller-Lüdenscheidt"),
        ("", ""),
    ],
)
def test_no_text_cell_begins_a_formula(text, expected):
    assert exports.safe_text(text) == expected


def test_every_text_cell_of_a_csv_is_safe(export):
    hostile = "=cmd|'/C calc'!A0"
    named = ["transaction_id", "card_id", "customer_id", "merchant_id", "merchant_name", "device_id"]
    make_decision(**dict.fromkeys(named, hostile), merchant_category="=1")

    (row,) = rows_of(export(q=hostile))

    assert {row[name][:2] for name in [*named, "merchant_category"]} == {"'="}


def test_an_export_is_cut_at_its_limit_and_says_so(export, monkeypatch):
    monkeypatch.setattr(export_service, "MAX_ROWS", 2)
    for number in range(3):
        make_decision(transaction_id=f"t{number}", occurred_at=now() + number * MINUTE)

    response = export()

    assert "-newest-2.csv" in response["Content-Disposition"]
    assert [row["transaction_id"] for row in rows_of(response)] == ["t2", "t1"]
    assert PaymentExport.objects.get().is_cut


def test_a_long_csv_comes_in_pieces_without_a_gap(export, monkeypatch):
    monkeypatch.setattr("cases.views.search._CHUNK_ROWS", 2)
    for number in range(5):
        make_decision(transaction_id=f"t{number}", occurred_at=now() + number * MINUTE)

    assert [row["transaction_id"] for row in rows_of(export())] == ["t4", "t3", "t2", "t1", "t0"]


def test_an_export_is_recorded_before_it_is_sent(export, bob):
    make_decision(card_id="card-1", outcome="decline")

    export(q="card-1", outcome="decline", amount_to="", csrfmiddlewaretoken="x")

    record = PaymentExport.objects.get()
    assert (record.exported_by, record.file_format, record.rows, record.is_cut) == (bob, "csv", 1, False)
    assert record.filters == {"q": "card-1", "outcome": "decline"}


def test_the_record_names_the_week_that_was_searched_by_itself(export):
    make_decision(occurred_at=now())

    export(outcome="flagged")

    assert PaymentExport.objects.get().filters.keys() == {"outcome", "since"}


@pytest.mark.parametrize("fields", [{"q": CARD_NUMBER}, {"outcome": "decline"}, {"currency": "??"}])
def test_an_export_of_nothing_is_refused_on_the_page_and_not_recorded(export, fields):
    make_decision(occurred_at=now())

    response = export(**fields)

    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert not PaymentExport.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("lead", 200), ("manager", 200), ("auditor", 200), ("analyst", 403)])
def test_exports_are_for_leads_managers_and_auditors(client, db, role, status):
    make_decision(occurred_at=now())
    client.force_login(make_user(role))

    shown = "Export CSV" in client.get("/search/").content.decode()
    response = client.post("/search/export.parquet", {})

    assert shown == (status == 200)
    assert response.status_code == status
    assert PaymentExport.objects.count() == (status == 200)


def test_an_export_is_never_made_by_a_link(client, bob):
    client.force_login(bob)

    assert client.get("/search/export.csv").status_code == 405
    assert client.post("/search/export.xls").status_code == 404


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_the_admin_shows_exports_and_changes_none(client, db, role):
    user = make_user(role)
    record = PaymentExport.objects.create(
        exported_by=user, exported_at=NOON, file_format="csv", filters={"q": HOSTILE}, rows=1, is_cut=False
    )
    client.force_login(user)

    listed = client.get("/admin/cases/paymentexport/").content.decode()

    assert "&lt;img" in listed
    assert HOSTILE not in listed
    assert b'name="_save"' not in client.get(f"/admin/cases/paymentexport/{record.id}/change/").content
    assert client.get("/admin/cases/paymentexport/add/").status_code == 403
    assert client.post(f"/admin/cases/paymentexport/{record.id}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_slow_reader_of_an_export_holds_no_connection():
    decision = make_decision()

    assert [row["id"] for row in search_view._read([decision.id])] == [decision.id]

    assert connection.connection is None
