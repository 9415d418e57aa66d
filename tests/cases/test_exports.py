"""What a search finds, taken away as a file: CSV and Parquet, who may, and what is remembered of it."""

import csv
from decimal import Decimal
from io import BytesIO, StringIO

import polars as pl
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.utils.timezone import now

from cases.models import PaymentExport
from cases.queries.queues import Desk
from cases.services import exports as export_service
from cases.views import search as search_view
from scoring.spreadsheets import safe_text
from tests.factories import MINUTE, NOON, make_case, make_decision, make_label, make_user

HOSTILE = '<img src=x onerror="alert(1)">'


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


def test_an_export_holds_all_that_fits_whatever_page_was_open(export):
    for number in range(3):
        make_decision(transaction_id=f"t{number}", occurred_at=NOON + number * MINUTE)
    make_decision(transaction_id="other", occurred_at=NOON, outcome="approve")

    response = export(since="2026-11-01T00:00", outcome="flagged", before="2026-11-20T12:01:00.000000Z_1")

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
    assert safe_text(text) == expected


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


@pytest.mark.parametrize("fields", [{"q": "4111111111111111"}, {"outcome": "decline"}, {"currency": "??"}])
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

    assert [row["id"] for row in search_view._read([decision.id], Desk((), frozenset(), frozenset()))] == [decision.id]

    assert connection.connection is None
