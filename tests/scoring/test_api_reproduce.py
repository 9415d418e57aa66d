"""`POST decisions/{id}/reproduce/`, and what a decision's detail says of its rescoring."""

import pytest
from django.db import OperationalError, connection
from django.utils.timezone import now

from scoring.features.definitions import VERSION
from scoring.models import Decision
from scoring.services import rescoring
from scoring.services.features import settle_features
from scoring.services.keys import issue_key
from scoring.services.rescoring import rescore_due
from scoring.services.store import batch_store, sync_store
from tests.scoring.api_calls import DECISIONS, Caller, problem_of
from tests.scoring.degraded import CountModel
from tests.scoring.payments import body_of

URL = f"{DECISIONS}x/reproduce/"


def test_a_decision_is_made_again_and_is_the_same(api):
    api.post(DECISIONS, body_of(transaction_id="x", amount=2000))

    response = api.post(URL, "")

    assert response.status_code == 200
    assert response.json() == {"transaction_id": "x", "same": True, "differences": [], "missing": []}


def test_what_differs_is_told_with_both_values(api):
    api.post(DECISIONS, body_of(transaction_id="x", amount=2000))
    Decision.objects.update(outcome="approve")

    answer = api.post(URL, "").json()

    assert answer["same"] is False
    assert answer["differences"] == [{"field": "outcome", "recorded": "approve", "recomputed": "review"}]


def test_making_it_again_changes_nothing(api):
    api.post(DECISIONS, body_of(transaction_id="x"))
    before = list(Decision.objects.values())

    api.post(URL, "")

    assert list(Decision.objects.values()) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b"\xff", b'{"a": NaN}', b"x" * 100_000])
def test_a_body_is_not_read(api, body):
    api.post(DECISIONS, body_of(transaction_id="x"))

    assert api.post(URL, body).status_code == 200


@pytest.mark.parametrize("name", ["nobody", "%00", "a%00b", "%F0%9F%98%80", "x" * 500, "'%20OR%201=1"])
def test_a_payment_never_decided_is_not_found(api, name):
    problem_of(api.post(f"{DECISIONS}{name}/reproduce/", ""), 404)


def test_without_a_key_it_does_not_open(api, client):
    problem_of(Caller(client, "").post(URL, ""), 401)


def test_it_asks_for_the_scope_to_read(api, client):
    narrow = issue_key(name="narrow", scopes=["decide", "label"])

    assert "read" in problem_of(Caller(client, narrow).post(URL, ""), 403)["detail"]


def test_only_post_is_there(api):
    problem_of(api.get(URL), 405)


def test_a_database_that_is_away_is_told(api):
    def fail(execute, sql, params, many, context):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        problem_of(api.post(URL, ""), 503)


def test_the_detail_has_what_scoring_it_again_found(api, settings, monkeypatch):
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    api.post(DECISIONS, body_of(transaction_id="x"))
    assert api.get(f"{DECISIONS}x/").json()["rescored"] is None
    settings.REDIS_URL = address
    sync_store.cache_clear()
    batch_store.cache_clear()
    monkeypatch.setattr(rescoring, "champion", CountModel)

    settle_features("", store=batch_store())
    rescore_due(at=now())

    shown = api.get(f"{DECISIONS}x/").json()
    assert (shown["degraded"], shown["score"]) == (["features", "model"], None)
    again = shown["rescored"]
    assert (again["outcome"], again["score"], again["missing"]) == ("approve", 0.0, [])
    assert (again["model_version"], again["policy_version"], again["feature_version"]) == ("by-count", 1, VERSION)
    assert again["features"]["card_count_24h"] == 0.0
    assert again["rescored_at"] >= shown["decided_at"]


def test_a_whole_decision_says_that_it_was_not_scored_again(api):
    api.post(DECISIONS, body_of(transaction_id="x"))
    Decision.objects.update(degraded=[])

    assert api.get(f"{DECISIONS}x/").json()["rescored"] is None
