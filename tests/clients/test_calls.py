"""What each call sends, and how its answer is read."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fraudapp_client import (
    BadAnswerError,
    BatchResult,
    Decision,
    Difference,
    FieldError,
    Label,
    Outcome,
    Problem,
    Reason,
    Reproduction,
    Verdict,
)
from tests.clients.calling import CASE, DECIDED, NOON, payment
from tests.clients.faulty_server import answer

CASE_PATH = f"/api/v1/cases/{CASE['id']}/"


def test_a_payment_is_sent_as_the_api_takes_it(connect, faulty):
    faulty.will(answer(201, DECIDED))

    connect(faulty.url).decide(payment(transaction_id="c-1", amount=Decimal("1E+3"), extra={"basket": [1, "ü"]}))

    (sent,) = faulty.received
    assert (sent.method, sent.path) == ("POST", "/api/v1/decisions/")
    assert sent.headers["Authorization"] == "Bearer fk_secret"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json == {
        "transaction_id": "c-1", "occurred_at": "2026-11-20T12:00:00+00:00", "amount": "1000", "currency": "EUR",
        "card_id": "card-1", "merchant_id": "m-1", "extra": {"basket": [1, "ü"]},
    }  # fmt: skip


def test_a_decision_is_read_with_its_reasons(connect, faulty):
    faulty.will(answer(201, DECIDED))

    decision = connect(faulty.url).decide(payment())

    assert decision == Decision(
        transaction_id="c-1",
        outcome=Outcome.REVIEW,
        decided_at=datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC),
        score=0.91,
        reasons=(
            Reason(code="card_count_1h", words="7 payments in the last hour; 1 is usual", contribution=1.8),
            Reason(code="large", words="The amount is 2,000.00 EUR"),
        ),
        rule_hits=("large",),
        model_version="m-3",
        policy_version=4,
        latency_ms=3.25,
        card_id="card-1",
    )
    assert not decision.is_degraded


def test_a_newer_server_may_say_more_and_an_older_one_less(connect, faulty):
    newer = {**DECIDED, "outcome": "challenge", "mood": {"of": "the day"}, "degraded": ["features"]}
    older = {name: DECIDED[name] for name in ("transaction_id", "outcome", "decided_at")}
    faulty.will(answer(201, newer), answer(201, older))
    client = connect(faulty.url)

    first, second = client.decide(payment()), client.decide(payment())

    assert (first.outcome, first.is_degraded) == ("challenge", True)
    assert (second.score, second.reasons, second.is_degraded) == (None, (), False)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"", b"<html>Gateway</html>", b"[]", b"\xff", b"[" * 100_000, {**DECIDED, "outcome": None},
        {**DECIDED, "score": "high"}, {**DECIDED, "policy_version": True}, {**DECIDED, "reasons": "none"},
        {**DECIDED, "decided_at": "2026-11-20T12:00:00"}, {**DECIDED, "reasons": [1]}, {**DECIDED, "rule_hits": [1]},
    ],
)  # fmt: skip
def test_what_is_no_decision_is_a_bad_answer(connect, faulty, rubbish):
    faulty.will(answer(201, rubbish))

    with pytest.raises(BadAnswerError):
        connect(faulty.url).decide(payment())


def test_a_batch_has_one_result_each_in_order(connect, faulty):
    bad = {
        "title": "Unprocessable",
        "status": 422,
        "detail": "no payment",
        "errors": [{"field": "amount", "message": "x"}],
    }
    faulty.will(
        answer(200, {"results": [{"status": 201, "decision": DECIDED}, {"status": 422, "problem": bad}], "more": 1})
    )
    batch = [payment(), payment()]

    first, second = connect(faulty.url).decide_batch(batch)

    assert (faulty.received[0].method, faulty.received[0].path) == ("POST", "/api/v1/decisions/batch/")
    assert faulty.received[0].json == {"transactions": [one.as_json() for one in batch]}
    assert (first.status, first.decision.outcome, first.problem) == (201, "review", None)
    assert second == BatchResult(
        status=422, problem=Problem(422, "Unprocessable", "no payment", (FieldError("amount", "x"),))
    )


@pytest.mark.parametrize("body", [{}, {"results": {}}, {"results": [{"decision": DECIDED}]}, []])
def test_a_batch_without_results_is_a_bad_answer(connect, faulty, body):
    faulty.will(answer(200, body))

    with pytest.raises(BadAnswerError):
        connect(faulty.url).decide_batch([payment()])


def test_a_decision_is_looked_up_with_its_payment_and_features(connect, faulty):
    sent = payment(transaction_id="c-1", latitude=1.5, longitude=2)
    detail = {
        "transaction": sent.as_json(),
        "features": {"amount": 12.5, "card_count_1h": None},
        "feature_version": "2",
    }
    faulty.will(answer(200, DECIDED | detail))

    found = connect(faulty.url).decision("c-1")

    assert (faulty.received[0].method, faulty.received[0].path) == ("GET", "/api/v1/decisions/c-1/")
    assert found.transaction == sent
    assert found.features == {"amount": 12.5, "card_count_1h": None}
    assert (found.outcome, found.feature_version, found.rescored) == ("review", "2", None)


@pytest.mark.parametrize(("name", "path"), [("a/b?c#d", "a%2Fb%3Fc%23d"), ("ü", "%C3%BC"), ("%2e", "%252e")])
def test_an_id_is_one_step_of_the_path_whatever_is_in_it(connect, faulty, name, path):
    faulty.will(answer(200, CASE))

    connect(faulty.url).case(name)

    assert faulty.received[0].path == f"/api/v1/cases/{path}/"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_not_sent(connect, faulty, name):
    with pytest.raises(ValueError, match="looked up"):
        connect(faulty.url).decision(name)


def test_a_decision_is_reproduced(connect, faulty):
    differing = {
        "same": False,
        "differences": [{"field": "score", "recorded": 0.5, "recomputed": 0.6}],
        "missing": ["x"],
    }
    faulty.will(answer(200, {"same": True}), answer(200, differing))
    client = connect(faulty.url)

    assert client.reproduce("c-1") == Reproduction(same=True)
    assert client.reproduce("c-1") == Reproduction(
        same=False, differences=(Difference(field="score", recorded=0.5, recomputed=0.6),), missing=("x",)
    )
    assert (faulty.received[0].method, faulty.received[0].path) == ("POST", "/api/v1/decisions/c-1/reproduce/")


def test_a_label_is_said_and_read_back(connect, faulty):
    said = Label(transaction_id="c-1", label="fraud", source="chargeback", known_at=NOON)
    faulty.will(answer(201, said.as_json()))

    assert connect(faulty.url).label(said) == said
    assert faulty.received[0].path == "/api/v1/labels/"
    assert faulty.received[0].json == {
        "transaction_id": "c-1", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00+00:00",
    }  # fmt: skip


def test_cases_come_page_after_page(connect, faulty):
    elsewhere = "http://internal.example:8000/prefix/api/v1/cases/?cursor=a%2Bb&status=open"
    faulty.will(
        answer(200, {"results": [CASE, CASE | {"id": "2"}], "next": elsewhere}),
        answer(200, {"results": [CASE | {"id": "3"}], "next": None}),
    )

    found = list(connect(faulty.url).cases(status="open", mine=True, opened_since=NOON, limit=2, queue=None))

    assert [case.id for case in found] == [CASE["id"], "2", "3"]
    assert found[0].stake == Decimal("1186.55")
    assert found[0].raw == CASE
    first, second = faulty.received
    assert first.path == "/api/v1/cases/?status=open&mine=true&opened_since=2026-11-20T12%3A00%3A00%2B00%3A00&limit=2"
    assert second.path == "/api/v1/cases/?cursor=a%2Bb&status=open"


def test_pages_that_never_end_are_a_bad_answer(connect, faulty):
    faulty.will(answer(200, {"results": [CASE], "next": "/api/v1/cases/?cursor=1"}))

    with pytest.raises(BadAnswerError, match="same page"):
        list(connect(faulty.url).cases())


@pytest.mark.parametrize(
    "body", [[], {}, {"results": [], "next": 7}, {"results": [7]}, {"results": [{"status": "open"}]}]
)
def test_a_list_of_cases_without_cases_is_a_bad_answer(connect, faulty, body):
    faulty.will(answer(200, body))

    with pytest.raises(BadAnswerError):
        list(connect(faulty.url).cases())


@pytest.mark.parametrize(
    ("call", "given", "method", "path", "body"),
    [
        ("case", [], "GET", CASE_PATH, None),
        ("claim_case", [], "POST", f"{CASE_PATH}claim/", {}),
        ("release_case", [], "POST", f"{CASE_PATH}release/", {}),
        ("add_note", ["asked the shop"], "POST", f"{CASE_PATH}notes/", {"text": "asked the shop"}),
        ("record_verdict", [Verdict(verdict="legitimate")], "POST", f"{CASE_PATH}verdict/", {"verdict": "legitimate"}),
        (
            "record_verdict",
            [Verdict(verdict="fraud", note="n", overrides={"c-1": "legitimate"}, block_days=0, include_recent=False)],
            "POST",
            f"{CASE_PATH}verdict/",
            {
                "verdict": "fraud", "note": "n", "overrides": {"c-1": "legitimate"}, "block_days": 0,
                "include_recent": False,
            },
        ),
    ],
)  # fmt: skip
def test_what_is_done_with_a_case(connect, faulty, call, given, method, path, body):
    faulty.will(answer(200, CASE))

    case = getattr(connect(faulty.url), call)(CASE["id"], *given)

    (sent,) = faulty.received
    assert (sent.method, sent.path) == (method, path)
    assert (sent.json if sent.body else None) == body
    assert (case.id, case.status, case.due_at) == (CASE["id"], "open", NOON.replace(hour=13))
