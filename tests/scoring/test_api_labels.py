"""Labels by REST: what a statement may say, and what becomes of one that is said twice."""

import json

import pytest

from scoring.api.parsers import MAX_BODY_BYTES
from scoring.models import Label
from scoring.services.keys import issue_key
from tests.factories import NOON, make_decision, make_user
from tests.scoring.api_calls import LABELS, Caller, fields_named, problem_of

STATEMENT = {
    "transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z",
    "asserted_at": None, "reason": "", "note": "",
}  # fmt: skip


@pytest.fixture
def payment(db):
    return make_decision(transaction_id="x")


def test_a_statement_made_again_in_other_words_gets_the_one_that_stands(api, payment):
    api.post(LABELS, STATEMENT | {"note": "first"})

    again = api.post(LABELS, STATEMENT | {"note": "second", "known_at": "2026-11-20T13:00:00+01:00"})

    assert again.status_code == 200
    assert again.json() == STATEMENT | {"note": "first"}
    assert Label.objects.get().known_at == NOON


def test_another_source_is_another_statement(api, payment):
    statuses = [api.post(LABELS, STATEMENT | {"source": source}).status_code for source in ("chargeback", "customer")]

    assert statuses == [201, 201]
    assert Label.objects.count() == 2


def test_what_would_have_been_known_before_the_payment_is_refused_by_name(api, payment):
    problem = problem_of(api.post(LABELS, STATEMENT | {"known_at": "2026-11-19T12:00:00Z"}), 422)

    (error,) = problem["errors"]
    assert error == {"field": "known_at", "message": "is before its payment, which occurred at 2026-11-20T12:00:00Z"}
    assert not Label.objects.exists()


def test_a_field_that_is_not_known_is_named_beside_those_that_are_wrong(api, payment):
    response = api.post(LABELS, STATEMENT | {"lable": "fraud", "label": "perhaps"})

    assert fields_named(response) == {"lable", "label"}
    assert not Label.objects.exists()


def test_a_misspelt_name_is_told_which_there_are(api, payment):
    (error,) = api.post(LABELS, STATEMENT | {"nots": "x"}).json()["errors"]

    assert error["field"] == "nots"
    assert "note" in error["message"]


@pytest.mark.parametrize("name", ["\x00", "\ud800", "n" * 10_000, ""])
def test_a_strange_name_is_refused_and_not_repeated_in_full(api, payment, name):
    problem = problem_of(api.post(LABELS, json.dumps(STATEMENT | {name: 1})), 422)

    assert [error["field"] for error in problem["errors"]] == [name[:64]]


def test_a_body_without_end_is_not_read(api, payment):
    problem_of(api.post(LABELS, STATEMENT | {"note": "x" * MAX_BODY_BYTES}), 413)

    assert not Label.objects.exists()


def test_a_key_that_acts_for_somebody_makes_them_the_author(client, payment):
    alice = make_user("analyst")

    Caller(client, issue_key(name="desk", scopes=["label"], user=alice)).post(LABELS, STATEMENT)

    assert Label.objects.get().author == alice


def test_a_key_that_acts_for_nobody_names_no_author(client, payment):
    Caller(client, issue_key(name="issuer", scopes=["label"])).post(LABELS, STATEMENT)

    assert Label.objects.get().author is None
