"""`GET decisions/{id}/explanation/`."""

import numpy as np
import pytest
from django.db import OperationalError, connection

from scoring.api.explanation import ExplanationSchema
from scoring.features.definitions import NAMES
from scoring.models import Decision, Explanation
from scoring.services.explaining import explain_decisions
from scoring.services.keys import issue_key
from scoring.services.reproduction import past_model
from tests.factories import NOON
from tests.scoring.api_calls import DECISIONS, Caller, problem_of
from tests.scoring.explained_world import make_champion
from tests.scoring.payments import body_of

URL = f"{DECISIONS}x/explanation/"


@pytest.fixture
def explained(api) -> Explanation:
    api.post(DECISIONS, body_of(transaction_id="x", amount=2000))
    explain_decisions(list(Decision.objects.values_list("id", flat=True)), at=NOON)
    return Explanation.objects.get()


def test_it_says_all_that_is_kept(api, explained):
    answer = api.get(URL).json()

    assert set(answer) == set(ExplanationSchema().fields)
    assert (answer["transaction_id"], answer["state"], answer["contributions"]) == ("x", "no_model", {})
    assert answer["problem"] == "It was decided without a model."
    assert answer["counterfactuals"]["found"][0]["words"] == "It would have passed below 1,000.01 EUR"
    assert answer["made_at"] == "2026-11-20T12:00:00Z"


def test_contributions_are_told_by_feature_and_add_up(api, explained):
    made = make_champion()
    Explanation.objects.all().delete()
    vector = Decision.objects.get()
    score = past_model(made.version).score(np.frombuffer(vector.features, np.float32)[None, :])[0]
    Decision.objects.update(model_version=made.version, score=float(score))
    explain_decisions([vector.id], at=NOON)

    answer = api.get(URL).json()

    assert tuple(answer["contributions"]) == NAMES
    assert sum(answer["contributions"].values()) + answer["base"] == pytest.approx(answer["margin"], abs=1e-4)


def test_contributions_of_an_older_table_are_not_given_other_names(api, explained):
    Explanation.objects.update(
        state="made", problem="", base=0.0, margin=1.0, contributions=b"1234" * len(NAMES), feature_version="0"
    )

    answer = api.get(URL).json()

    assert (answer["contributions"], answer["feature_version"], answer["margin"]) == ({}, "0", 1.0)


def test_what_was_let_through_has_none(api):
    api.post(DECISIONS, body_of(transaction_id="x", amount=20))

    assert "of payments that were let through none" in problem_of(api.get(URL), 404)["detail"]


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b", "%F0%9F%98%80", "x" * 500, "'%20OR%201=1"])
def test_a_payment_never_decided_is_not_found(api, name):
    problem_of(api.get(f"{DECISIONS}{name}/explanation/"), 404)


def test_without_a_key_it_does_not_open(api, client):
    problem_of(Caller(client, "").get(URL), 401)


def test_it_asks_for_the_scope_to_read(api, client):
    narrow = issue_key(name="narrow", scopes=["decide", "label"])

    assert "read" in problem_of(Caller(client, narrow).get(URL), 403)["detail"]


def test_only_get_is_there(api, explained):
    problem_of(api.post(URL, ""), 405)


def test_a_database_that_is_away_is_told(api, explained):
    def fail(execute, sql, params, many, context):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        problem_of(api.get(URL), 503)
