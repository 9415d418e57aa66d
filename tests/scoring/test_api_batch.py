"""Many payments in one call: one answer each, and none spoils the others'."""

import json

import pytest
from django.db import OperationalError

from scoring.api.batch import MAX_TRANSACTIONS
from scoring.models import Decision
from scoring.services import decider
from scoring.services.decider import MAX_BATCH
from scoring.services.keys import issue_key
from tests.scoring.api_calls import DECISIONS, Caller, fields_named, problem_of
from tests.scoring.payments import body_of

BATCH = "/api/v1/decisions/batch/"


def send(api: Caller, *bodies: bytes | str):
    texts = [body.decode() if isinstance(body, bytes) else body for body in bodies]
    return api.post(BATCH, f'{{"transactions": [{", ".join(texts)}]}}')


def results_of(response) -> list[dict]:
    assert response.status_code == 200
    return response.json()["results"]


def test_each_payment_has_its_answer_in_order(api):
    results = results_of(send(api, *(body_of(transaction_id=f"t{number}") for number in range(3))))

    assert [one["status"] for one in results] == [201, 201, 201]
    assert [one["decision"]["transaction_id"] for one in results] == ["t0", "t1", "t2"]
    assert Decision.objects.count() == 3


def test_a_bad_one_does_not_sink_the_others(api):
    results = results_of(send(api, body_of(transaction_id="t0"), '{"amount": "x"}', body_of(transaction_id="t2"), "7"))

    assert [one["status"] for one in results] == [201, 422, 201, 422]
    assert results[1]["problem"]["errors"][0]["field"]
    assert set(Decision.objects.values_list("transaction_id", flat=True)) == {"t0", "t2"}


def test_the_same_again_is_the_stored_answer_and_another_under_its_id_a_conflict(api):
    first = results_of(send(api, body_of(transaction_id="t")))[0]

    again, other = results_of(send(api, body_of(transaction_id="t"), body_of(transaction_id="t", amount=7)))

    assert again == {"status": 200, "decision": first["decision"]}
    assert other["status"] == 409
    assert other["problem"]["errors"][0]["field"] == "transaction_id"


def test_the_same_id_twice_in_one_call_is_decided_once(api):
    results = results_of(send(api, body_of(transaction_id="t"), body_of(transaction_id="t")))

    assert [one["status"] for one in results] == [201, 200]
    assert results[0]["decision"] == results[1]["decision"]


def test_payments_of_a_card_see_those_before_them_in_the_call(api):
    bodies = [body_of(transaction_id=f"t{number:03}", card_id="tried") for number in range(MAX_BATCH + 10)]

    results_of(send(api, *bodies))

    counts = [
        api.get(f"/api/v1/decisions/t{number:03}/").json()["features"]["card_count_1h"]
        for number in (0, 1, MAX_BATCH - 1, MAX_BATCH, MAX_BATCH + 9)
    ]
    assert counts == [0, 1, MAX_BATCH - 1, MAX_BATCH, MAX_BATCH + 9]


@pytest.mark.parametrize(
    "body",
    ["[]", "{}", '{"transactions": []}', '{"transactions": 7}', '{"transactions": [], "more": 1}', "x", "[" * 9999],
)
def test_what_is_no_batch_is_refused_whole(api, body):
    assert fields_named(api.post(BATCH, body)) == {"transactions"}


def test_more_than_a_thousand_are_refused_whole(api):
    body = json.dumps({"transactions": [{}] * (MAX_TRANSACTIONS + 1)})

    assert fields_named(api.post(BATCH, body)) == {"transactions"}
    assert not Decision.objects.exists()


def test_without_the_database_each_payment_is_told_so(api, monkeypatch):
    def fail(*arguments, **options):
        raise OperationalError("gone")

    monkeypatch.setattr(decider, "decide_transactions", fail)

    results = results_of(send(api, body_of(transaction_id="t0"), '{"amount": "x"}'))

    assert [(one["status"], one["is_temporary"]) for one in results] == [(503, True), (422, False)]


@pytest.fixture
def faulty_engine(monkeypatch) -> None:
    """The engine fails on every payment called bad."""
    decide = decider.decide_transactions

    def decide_all_but_bad(arrivals, **options):
        if any(arrival.transaction.transaction_id.startswith("bad") for arrival in arrivals):
            raise ValueError("a rule that nobody foresaw")
        return decide(arrivals, **options)

    monkeypatch.setattr(decider, "decide_transactions", decide_all_but_bad)


def test_a_payment_that_the_engine_fails_on_does_not_sink_the_others(api, faulty_engine, caplog):
    names = ["t0", "bad1", "t2", "bad3", "t4"]

    results = results_of(send(api, *(body_of(transaction_id=name) for name in names)))

    assert [one["status"] for one in results] == [201, 500, 201, 500, 201]
    assert [one.get("is_temporary") for one in results] == [None, False, None, False, None]
    assert "fault in the server" in results[1]["problem"]["detail"]
    assert set(Decision.objects.values_list("transaction_id", flat=True)) == {"t0", "t2", "t4"}
    logged = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in logged] == [
        f"payment {name} cannot be decided" for name in ("bad1", "bad3")
    ]
    assert "nobody foresaw" not in json.dumps(results)


def test_the_only_payment_of_a_batch_that_the_engine_fails_on_has_its_result_too(api, faulty_engine):
    (result,) = results_of(send(api, body_of(transaction_id="bad")))

    assert (result["status"], result["problem"]["status"]) == (500, 500)


def test_a_call_of_one_payment_that_the_engine_fails_on_is_a_fault_of_the_server(api, client, faulty_engine):
    client.raise_request_exception = False

    assert api.post(DECISIONS, body_of(transaction_id="bad")).status_code == 500
    assert not Decision.objects.exists()


def test_each_payment_counts_against_the_limit_of_its_key(api, client):
    caller = Caller(client, issue_key(name="slow", scopes=["decide"], rate_limit=3))

    assert send(caller, *(body_of(transaction_id=f"t{number}") for number in range(3))).status_code == 200
    refused = send(caller, body_of(transaction_id="t4"))

    problem_of(refused, 429)
    assert int(refused["Retry-After"]) >= 1
    assert Decision.objects.count() == 3
