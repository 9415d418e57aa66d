"""The ledger of a payment by REST: who said what when, which statement is believed, and why."""

from datetime import timedelta

import pytest

from scoring.models import Label
from scoring.services.keys import issue_key
from tests.factories import NOON, make_decision, make_label, make_user
from tests.scoring.api_calls import LABELS, Caller, fields_named, problem_of

DAY = timedelta(days=1)
LEDGER = "/api/v1/decisions/x/labels/"
STATEMENT = {
    "transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z",
    "asserted_at": "2026-11-18T09:00:00Z", "reason": "10.4", "note": "",
}  # fmt: skip


@pytest.fixture
def payment(db):
    return make_decision(transaction_id="x")


def test_a_statement_says_when_it_was_made_and_its_code(api, payment):
    assert api.post(LABELS, STATEMENT).json() == STATEMENT

    label = Label.objects.get()
    assert (label.asserted_at, label.reason) == (NOON - 2 * DAY - timedelta(hours=3), "10.4")


def test_a_source_takes_back_what_it_said(api, payment):
    api.post(LABELS, STATEMENT)
    later = {"label": "withdrawn", "known_at": "2026-11-21T12:00:00Z"}

    assert api.post(LABELS, STATEMENT | later).status_code == 201

    ledger = api.get(LEDGER).json()
    assert ledger["believed"] is None
    assert [one["label"] for one in ledger["statements"]] == ["fraud", "withdrawn"]


def test_what_was_said_after_it_was_known_is_refused_by_name(api, payment):
    response = api.post(LABELS, STATEMENT | {"asserted_at": "2026-11-20T12:00:01Z"})

    assert fields_named(response) == {"asserted_at"}
    assert not Label.objects.exists()


def test_the_ledger_names_who_said_it_and_what_is_believed(api, payment):
    make_label(payment, "legitimate", source="analyst", author=make_user(username="alice"), known_at=NOON)
    make_label(payment, "fraud", source="chargeback", known_at=NOON + DAY, reason="10.4")

    ledger = api.get(LEDGER).json()

    assert (ledger["transaction_id"], ledger["believed"]) == ("x", "fraud")
    analyst, chargeback = ledger["statements"]
    assert (analyst["author"], analyst["is_believed"]) == ("alice", False)
    assert analyst["why"] == "Outweighed: chargeback is believed before analyst."
    assert (chargeback["reason"], chargeback["is_believed"]) == ("10.4", True)


def test_the_ledger_is_read_as_of_a_time(api, payment):
    make_label(payment, "legitimate", source="analyst", known_at=NOON)
    make_label(payment, "fraud", source="chargeback", known_at=NOON + DAY)

    ledger = api.get(f"{LEDGER}?as_of=2026-11-20T18:00:00Z").json()

    assert (ledger["believed"], len(ledger["statements"])) == ("legitimate", 1)


def test_a_time_without_an_offset_and_a_name_that_is_not_known_are_refused(api, payment):
    assert fields_named(api.get(f"{LEDGER}?as_of=2026-11-20T18:00:00&at=1")) == {"as_of", "at"}


def test_a_payment_that_was_never_decided_has_no_ledger(api, db):
    problem_of(api.get(LEDGER), 404)


def test_a_key_without_the_scope_is_not_let_in(client, payment):
    caller = Caller(client, issue_key(name="labels only", scopes=["label"]))

    assert caller.get(LEDGER).status_code == 403
