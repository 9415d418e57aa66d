"""What both clients do when something is in the way: what is tried again, for how long, and what the caller is told."""

import socket

import pytest

from fraudapp_client import (
    ApiError,
    AuthenticationError,
    BadAnswerError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InProgressError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    TemporaryError,
    UnavailableError,
    Verdict,
)
from tests.clients.calling import CASE, DECIDED, SAID, payment
from tests.clients.faulty_server import (
    answer,
    cut_short,
    drip_body,
    drip_headers,
    drop,
    hang,
    problem,
    talk_rubbish,
)

DECISION = answer(201, DECIDED)
# Of tests that sit through time-outs, and of those in which none is due.
BRIEF = {"deadline": 1.0, "attempt_timeout": 0.3}
QUICK = {"deadline": 20.0, "attempt_timeout": 0.5}
PATIENT = {"deadline": 20.0, "attempt_timeout": 20.0}


# --- what is tried again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [drop, cut_short, talk_rubbish, hang, drip_headers, drip_body])
def test_a_payment_whose_answer_is_lost_is_sent_again(connect, faulty, fault):
    faulty.will(fault, fault, DECISION)

    decision = connect(faulty.url, **QUICK).decide(payment())

    assert decision.outcome == "review"
    assert len(faulty.received) == 3
    assert len({sent.body for sent in faulty.received}) == 1


@pytest.mark.parametrize("status", [409, 429, 503])
def test_who_is_told_when_to_come_again_comes_then(connect, faulty, status):
    faulty.will(problem(status, Retry_After="0"), DECISION)

    assert connect(faulty.url, **PATIENT).decide(payment()).outcome == "review"
    assert len(faulty.received) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_away_is_asked_again(connect, faulty, status):
    faulty.will(answer(status, b"<html>"), answer(status, b""), DECISION)

    assert connect(faulty.url, **PATIENT).decide(payment()).outcome == "review"
    assert len(faulty.received) == 3


def test_a_server_that_does_not_listen_yet_is_called_again(connect, faulty):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(NoAnswerError) as caught:
        connect(f"http://127.0.0.1:{port}", **BRIEF).decide(payment())

    assert caught.value.attempts > 1
    assert not caught.value.is_outcome_unknown
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("call", ["decide", "decision", "reproduce", "explanation", "case", "claim_case"])
def test_what_can_be_done_twice_is_sent_again_after_a_lost_answer(connect, faulty, call):
    bodies = {
        "decision": DECIDED | {"transaction": payment().as_json()},
        "reproduce": {"same": True},
        "explanation": {"state": "made"},
        "decide": DECIDED,
    }
    faulty.will(drop, answer(200, bodies.get(call, CASE)))

    getattr(connect(faulty.url, **PATIENT), call)(payment() if call == "decide" else "c-1")

    assert len(faulty.received) == 2


# --- what is not ---------------------------------------------------------------------------------------------------

ONCE_ONLY = [
    ("record_verdict", [CASE["id"], Verdict(verdict="fraud")]), ("add_note", [CASE["id"], "text"]),
    ("release_case", [CASE["id"]]), ("undo_verdict", [CASE["id"]]), ("next_case", []),
]  # fmt: skip


@pytest.mark.parametrize(("call", "given"), ONCE_ONLY)
@pytest.mark.parametrize("fault", [drop, answer(502, b""), answer(503, b""), problem(503, Retry_After="0")])
def test_what_must_not_be_done_twice_is_sent_once(connect, faulty, call, given, fault):
    faulty.will(fault, answer(200, CASE))

    with pytest.raises(TemporaryError):
        getattr(connect(faulty.url), call)(*given)

    assert len(faulty.received) == 1


def test_the_caller_is_told_that_a_verdict_may_have_been_recorded(connect, faulty):
    faulty.will(drop)

    with pytest.raises(NoAnswerError) as caught:
        connect(faulty.url).record_verdict(CASE["id"], Verdict(verdict="fraud"))

    assert caught.value.is_outcome_unknown


@pytest.mark.parametrize(("call", "given"), ONCE_ONLY)
def test_what_the_server_did_not_take_on_is_sent_again(connect, faulty, call, given):
    done = {"record_verdict": SAID, "add_note": {"text": "text", "at": "2026-11-20T12:00:00Z"}}
    faulty.will(problem(429, Retry_After="0"), problem(429), answer(200, done.get(call, CASE)))

    getattr(connect(faulty.url, patience=60.0), call)(*given)

    assert len(faulty.received) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError), (401, AuthenticationError), (403, ForbiddenError), (404, NotFoundError),
        (405, ApiError), (409, ConflictError), (413, InvalidRequestError), (415, InvalidRequestError), (418, ApiError),
        (422, InvalidRequestError), (499, ApiError), (500, UnavailableError),
    ],
)  # fmt: skip
def test_a_refusal_is_told_at_once_with_its_reasons(connect, faulty, status, kind):
    faulty.will(problem(status, "no", errors=[{"field": "amount", "message": "must be above 0"}]))

    with pytest.raises(ApiError) as caught:
        connect(faulty.url).decide(payment())

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.detail) == (status, "no")
    assert caught.value.errors == (FieldError("amount", "must be above 0"),)
    assert str(caught.value) == f"{status} no (amount: must be above 0)"
    assert len(faulty.received) == 1


@pytest.mark.parametrize("body", [b"", b"<html>no", b"[]", {"errors": "x"}, {"status": "x"}, {"errors": [{}]}])
def test_a_refusal_without_a_problem_is_known_by_its_status(connect, faulty, body):
    faulty.will(answer(403, body))

    with pytest.raises(ForbiddenError, match="403 Forbidden"):
        connect(faulty.url).decide(payment())


def test_which_of_several_conflicts_it_is_can_be_asked(connect, faulty):
    said = {"status": 409, "detail": "Bob works on this case", "refusal": "claimed", "claimed_by": "bob"}
    faulty.will(answer(409, said))

    with pytest.raises(ConflictError, match="Bob works") as caught:
        connect(faulty.url).claim_case(CASE["id"])

    assert (caught.value.refusal, caught.value.problem.raw) == ("claimed", said)


def test_a_redirect_is_not_followed_and_names_the_address(connect, faulty):
    faulty.will(answer(301, b"", Location="https://elsewhere.example/"))

    with pytest.raises(BadAnswerError, match="elsewhere.example"):
        connect(faulty.url).decide(payment())

    assert len(faulty.received) == 1


# --- the deadline --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [hang, drip_headers, drip_body])
def test_whatever_hangs_there_is_an_end(connect, faulty, fault):
    faulty.will(fault)

    with pytest.raises(NoAnswerError) as caught:
        connect(faulty.url, **BRIEF).decide(payment())

    assert caught.value.is_outcome_unknown
    assert caught.value.attempts > 1


def test_a_deadline_of_one_call_is_its_own(connect, faulty):
    faulty.will(hang)

    with pytest.raises(NoAnswerError) as caught:
        connect(faulty.url, deadline=600.0, attempt_timeout=600.0).decide(payment(), deadline=0.2)

    assert caught.value.attempts == 1


def test_a_wait_beyond_the_deadline_is_not_begun(connect, faulty):
    faulty.will(problem(503, "later", Retry_After="3600"))

    with pytest.raises(UnavailableError) as caught:
        connect(faulty.url, deadline=600.0).decide(payment())

    assert caught.value.retry_after == 3600
    assert len(faulty.received) == 1


@pytest.mark.parametrize(("status", "kind"), [(409, InProgressError), (429, RateLimitedError), (503, UnavailableError)])
def test_what_may_work_later_is_said_to(connect, faulty, status, kind):
    faulty.will(problem(status, Retry_After="60"))

    with pytest.raises(TemporaryError) as caught:
        connect(faulty.url).decide(payment())

    assert type(caught.value) is kind
    assert caught.value.retry_after == 60


@pytest.mark.parametrize("date", ["Fri, 31 Dec 1999 23:59:59 GMT", "soon", "-1", "1.5"])
def test_a_date_that_has_passed_or_is_none_means_soon(connect, faulty, date):
    faulty.will(problem(503, Retry_After=date), DECISION)

    assert connect(faulty.url, **PATIENT).decide(payment()).outcome == "review"
