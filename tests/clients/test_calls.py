"""What each call sends, and how its answer is read."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fraudapp_client import (
    BadAnswerError,
    BatchResult,
    Counterfactual,
    Decision,
    Difference,
    Family,
    FieldError,
    Label,
    Missing,
    Outcome,
    Problem,
    Reason,
    Reproduction,
)
from tests.clients.calling import CASE, DECIDED, NOON, payment
from tests.clients.faulty_server import answer


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


@pytest.mark.parametrize(
    ("status", "said", "is_temporary"),
    [
        (200, {}, False), (201, {}, False), (409, {"is_temporary": True}, True), (409, {"is_temporary": False}, False),
        (422, {"is_temporary": False}, False), (500, {"is_temporary": False}, False),
        (503, {"is_temporary": True}, True),
    ],
)  # fmt: skip
def test_a_payment_of_a_batch_that_was_not_decided_can_be_told(connect, faulty, status, said, is_temporary):
    why = {"problem": {"status": status, "errors": []}} if status >= 400 else {"decision": DECIDED}
    faulty.will(answer(200, {"results": [{"status": status, **why, **said}]}))

    (result,) = connect(faulty.url).decide_batch([payment()])

    assert result.is_temporary is is_temporary


@pytest.mark.parametrize(
    ("status", "errors", "is_temporary"),
    [
        (409, [], True), (409, [{"field": "transaction_id", "message": "x"}], False), (422, [], False),
        (429, [], True), (500, [], True), (503, [], True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("said", [{}, {"is_temporary": None}])
def test_the_status_tells_it_where_an_older_server_does_not(connect, faulty, status, errors, is_temporary, said):
    problem = {"status": status, "errors": errors}
    faulty.will(answer(200, {"results": [{"status": status, "problem": problem, **said}]}))

    (result,) = connect(faulty.url).decide_batch([payment()])

    assert result.is_temporary is is_temporary


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
        "transaction_id": "c-1", "same": False, "missing": [{"what": "model", "words": "gone"}],
        "differences": [{"field": "score", "recorded": 0.5, "recomputed": 0.6}],
    }  # fmt: skip
    faulty.will(answer(200, {"same": True}), answer(200, differing))
    client = connect(faulty.url)

    assert client.reproduce("c-1") == Reproduction(same=True)
    assert client.reproduce("c-1") == Reproduction(
        same=False,
        transaction_id="c-1",
        differences=(Difference(field="score", recorded=0.5, recomputed=0.6),),
        missing=(Missing(what="model", words="gone"),),
    )
    assert (faulty.received[0].method, faulty.received[0].path) == ("POST", "/api/v1/decisions/c-1/reproduce/")


def test_an_explanation_is_read_and_one_that_was_not_made_says_why(connect, faulty):
    made = {
        "transaction_id": "c-1", "state": "made", "problem": "", "model_version": "m", "policy_version": 3,
        "base": -4, "margin": 1.5, "contributions": {"amount": 5.5}, "feature_version": "2",
        "made_at": "2026-11-20T12:00:00Z",
        "families": [{"code": "amount", "contribution": 5.5, "words": "Much", "usual": "usually less"}],
        "counterfactuals": {
            "found": [{"feature": "amount", "value": "39.99", "until": None, "outcome": "approve", "words": "W"}],
            "tried": ["amount"], "is_whole": True, "problem": "",
        },
    }  # fmt: skip
    faulty.will(answer(200, made), answer(200, {"state": "no_model", "problem": "none"}))
    client = connect(faulty.url)

    found, none = client.explanation("c-1"), client.explanation("c-2")

    assert (found.is_made, found.base, found.margin, found.contributions) == (True, -4.0, 1.5, {"amount": 5.5})
    assert found.families == (Family(code="amount", contribution=5.5, words="Much", usual="usually less"),)
    (one,) = found.counterfactuals.found
    assert one == Counterfactual(feature="amount", value=Decimal("39.99"), outcome="approve", words="W")
    assert found.made_at == NOON
    assert (none.is_made, none.problem, none.counterfactuals.found) == (False, "none", ())
    assert (faulty.received[0].method, faulty.received[0].path) == ("GET", "/api/v1/decisions/c-1/explanation/")


def test_a_label_is_said_and_read_back(connect, faulty):
    said = Label(transaction_id="c-1", label="fraud", source="chargeback", known_at=NOON)
    faulty.will(answer(201, said.as_json()))

    assert connect(faulty.url).label(said) == said
    assert faulty.received[0].path == "/api/v1/labels/"
    assert faulty.received[0].json == {
        "transaction_id": "c-1", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00+00:00",
    }  # fmt: skip
