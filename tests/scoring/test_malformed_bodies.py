"""Ten thousand malformed bodies: each is refused, the field is named where there is one, and nothing is stored."""

import json

import pytest
from asgiref.sync import async_to_sync
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cases.models import Case, CaseEvent, Verdict
from scoring.api.asgi import ScoringHandler
from scoring.models import Decision, Label, Outbox, PendingFeatures
from scoring.services.keys import SCOPES, issue_key
from scoring.transaction import MAX_BODY_BYTES
from tests.factories import make_case, make_decision, make_user
from tests.scoring import malformed
from tests.scoring.api_calls import DECISIONS, LABELS, Caller
from tests.scoring.malformed import JSON, Malformed
from tests.scoring.payments import publish

BATCH = f"{DECISIONS}batch/"
STORED = (Decision, Label, Outbox, PendingFeatures, Case, CaseEvent, Verdict)


def given_many(strategy, count: int):
    """Run with so many examples, the same each time."""
    bounded = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda check: bounded(given(strategy)(check))()


@pytest.fixture
def key(db) -> str:
    publish()
    return issue_key(name="tried", scopes=SCOPES, user=make_user(username="program"), rate_limit=1_000_000_000)


@pytest.fixture
def nothing_stored(key):
    before = [model.objects.count() for model in STORED]
    yield
    assert [model.objects.count() for model in STORED] == before


@pytest.fixture
def ask(key):
    """Returns a function that sends a body the way of decisions, on the event loop, and gives status, type and body."""
    handler = ScoringHandler(is_batch=True)

    async def send_one(path: str, sent: Malformed) -> tuple[int, str, bytes]:
        headers = {"host": "testserver", "authorization": f"Bearer {key}", "content-type": sent.content_type}
        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": b"", "http_version": "1.1",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        told: list[dict] = []

        async def receive():
            return {"type": "http.request", "body": sent.body}

        async def send(message):
            told.append(message)

        await handler(scope, receive, send)
        kind = dict(told[0]["headers"])[b"Content-Type"].decode()
        return told[0]["status"], kind, b"".join(one.get("body", b"") for one in told[1:])

    return async_to_sync(send_one)


def problem_in(status: int, kind: str, body: bytes) -> dict:
    assert kind == "application/problem+json"
    problem = json.loads(body)
    assert 400 <= status < 500
    assert problem["status"] == status
    return problem


@pytest.mark.slow
def test_of_eight_thousand_bodies_that_are_no_payment_none_is_decided(ask, nothing_stored):
    sent = []

    def check(one: Malformed) -> None:
        sent.append(one.body)
        problem = problem_in(*ask(DECISIONS, one))
        assert problem["status"] == (422 if one.content_type == JSON else 415)
        if one.content_type == JSON:
            field = problem["errors"][0]["field"]
            assert one.field in ("", None, field), one.body[:500]
            assert field or not malformed.is_object(one.body) or len(one.body) > MAX_BODY_BYTES, one.body[:500]

    given_many(malformed.bodies, 8_000)(check)

    assert len(sent) >= 8_000


@pytest.mark.slow
def test_of_a_thousand_batches_that_hold_no_payment_none_is_decided(ask, nothing_stored):
    sent = []

    def check(ones: list[Malformed]) -> None:
        sent.append(ones)
        body = b'{"transactions": [' + b", ".join(one.body for one in ones) + b"]}"
        status, kind, answer = ask(BATCH, Malformed(body))
        if status == 200:
            # Each payment of a batch that can be read is refused by itself.
            assert {one["status"] for one in json.loads(answer)["results"]} == {422}
        else:
            assert problem_in(status, kind, answer)["errors"][0]["field"] == "transactions"

    given_many(st.lists(malformed.bodies.filter(lambda one: one.content_type == JSON), max_size=4), 1_000)(check)

    assert len(sent) >= 1_000


LABEL = {
    "transaction_id": "t-1", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z", "note": "x",
}  # fmt: skip
WRONG_LABEL = {
    "transaction_id": ["nobody", "", "x" * 65, None, [], {}, True],
    "label": ["maybe", "", None, [], {}, 1],
    "source": ["rumour", "", None, [], {}, 1],
    "known_at": ["soon", "2026-11-20", "2999-01-01T00:00:00Z", "2026-11-20T12:00:00", 5, None, [], {}],
    "note": ["x" * 501, None, [], {}, False, 5],
}
VERDICT = {"verdict": "fraud", "typology": "stolen_card", "note": "x", "block_days": 30, "seen_alerts": 1}
WRONG_VERDICT = {
    "verdict": ["maybe", "", None, [], {}, 1, "none"],
    "typology": ["theft", None, [], {}, 1],
    "why_wrong": ["travel", "nothing", [], 1],
    "note": ["x" * 2001, None, [], {}, True],
    "overrides": ["fraud", [], 1, None],
    "include_recent": ["maybe", "true", [], {}, 1],
    "recent": ["t-1", {}, 1, None, [1] * 101],
    "block_days": [2, -1, 10**400, "many", "30", True, [], {}],
    "allow_device": ["d-1", None, [], {}],
    "seen_alerts": [0, -1, 2**40, "1", True, [], {}, None, 1.5],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "good", "wrong"), [("labels", LABEL, WRONG_LABEL), ("verdict", VERDICT, WRONG_VERDICT)]
)
def test_of_five_hundred_bodies_that_say_nothing_none_is_kept(client, key, request, address, good, wrong):
    case = make_case(decisions=[make_decision(transaction_id="t-1")])
    request.getfixturevalue("nothing_stored")
    caller, sent = Caller(client, key), []
    url = LABELS if address == "labels" else f"/api/v1/cases/{case.id}/verdict/"

    def check(one: Malformed) -> None:
        sent.append(one.body)
        answer = caller.post(url, one.body, content_type=one.content_type)
        problem = problem_in(answer.status_code, answer["Content-Type"], answer.content)
        if one.field:
            assert problem["status"] == 422, one.body[:500]
            named = {error["field"].partition(".")[0] for error in problem["errors"]}
            assert one.field.partition(".")[0] in named, one.body[:500]

    given_many(malformed.others_of(good, wrong), 500)(check)

    assert len(sent) >= 500
