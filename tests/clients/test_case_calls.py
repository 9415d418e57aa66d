"""What each call about cases sends, and how its answer is read."""

from decimal import Decimal

import pytest

from fraudapp_client import BadAnswerError, Claim, Note, Person, Queue, Verdict
from tests.clients.calling import ALICE, CASE, NOON, SAID
from tests.clients.faulty_server import answer

CASE_PATH = f"/api/v1/cases/{CASE['id']}/"


def test_cases_come_page_after_page(connect, faulty):
    elsewhere = "http://internal.example:8000/prefix/api/v1/cases/?cursor=a%2Bb&status=open"
    faulty.will(
        answer(200, {"cases": [CASE, CASE | {"id": "2"}], "next": elsewhere}),
        answer(200, {"cases": [CASE | {"id": "3"}], "next": None}),
    )

    found = list(connect(faulty.url).cases(status="open", mine=True, opened_since=NOON, limit=2, queue=None))

    assert [case.id for case in found] == [CASE["id"], "2", "3"]
    assert found[0].stake == Decimal("1186.55")
    assert found[0].raw == CASE
    first, second = faulty.received
    assert first.path == "/api/v1/cases/?status=open&mine=true&opened_since=2026-11-20T12%3A00%3A00%2B00%3A00&limit=2"
    assert second.path == "/api/v1/cases/?cursor=a%2Bb&status=open"


def test_pages_that_never_end_are_a_bad_answer(connect, faulty):
    faulty.will(answer(200, {"cases": [CASE], "next": "/api/v1/cases/?cursor=1"}))

    with pytest.raises(BadAnswerError, match="same page"):
        list(connect(faulty.url).cases())


@pytest.mark.parametrize("body", [[], {}, {"cases": [], "next": 7}, {"cases": [7]}, {"cases": [{"status": "open"}]}])
def test_a_list_of_cases_without_cases_is_a_bad_answer(connect, faulty, body):
    faulty.will(answer(200, body))

    with pytest.raises(BadAnswerError):
        list(connect(faulty.url).cases())


@pytest.mark.parametrize(
    ("call", "method", "path", "body"),
    [
        ("case", "GET", CASE_PATH, None), ("claim_case", "POST", f"{CASE_PATH}claim/", {}),
        ("release_case", "POST", f"{CASE_PATH}release/", {}), ("undo_verdict", "POST", f"{CASE_PATH}undo/", {}),
    ],
)  # fmt: skip
def test_what_is_done_with_a_case_answers_the_case(connect, faulty, call, method, path, body):
    faulty.will(answer(200, CASE))

    case = getattr(connect(faulty.url), call)(CASE["id"])

    (sent,) = faulty.received
    assert (sent.method, sent.path) == (method, path)
    assert (sent.json if sent.body else None) == body
    assert (case.id, case.status, case.due_at) == (CASE["id"], "open", NOON.replace(hour=13))
    assert (case.queue, case.alert_count, case.tags) == (Queue(slug="general", title="General"), 2, ("ring-7",))
    assert case.claim == Claim(username="alice", name="Alice A.", until=NOON.replace(minute=5))


def test_what_the_desk_hides_is_none(connect, faulty):
    faulty.will(answer(200, CASE | {"is_score_hidden": True, "stake": None, "score": None, "top_reason": None}))

    case = connect(faulty.url).case(CASE["id"])

    assert (case.stake, case.score, case.top_reason) == (None, None, None)


@pytest.mark.parametrize(("given", "body"), [({}, {}), ({"queue": "large"}, {"queue": "large"})])
def test_the_next_case_is_claimed_or_there_is_none(connect, faulty, given, body):
    faulty.will(answer(200, CASE), answer(204, b""))
    client = connect(faulty.url)

    assert client.next_case(**given).id == CASE["id"]
    assert client.next_case(**given) is None
    assert (faulty.received[0].path, faulty.received[0].json) == ("/api/v1/cases/next/", body)


@pytest.mark.parametrize(
    "said",
    [
        {"verdict": "legitimate"},
        {
            "verdict": "fraud", "note": "n", "overrides": {"c-1": "legitimate", "c-2": "none"}, "block_days": 0,
            "include_recent": True, "recent": ["c-9"], "seen_alerts": 2,
        },
    ],
)  # fmt: skip
def test_a_verdict_is_said_and_read_back(connect, faulty, said):
    faulty.will(answer(201, SAID))

    verdict = connect(faulty.url).record_verdict(CASE["id"], Verdict(**said))

    (sent,) = faulty.received
    assert (sent.method, sent.path, sent.json) == ("POST", f"{CASE_PATH}verdict/", said)
    assert (verdict.id, verdict.state, verdict.undo_until) == (17, "waiting", NOON.replace(second=20))
    assert verdict.labels == {"c-1": "legitimate", "c-2": "none"}
    assert verdict.raw == SAID


def test_a_note_is_written_and_read_back(connect, faulty):
    faulty.will(answer(201, {"at": "2026-11-20T12:00:00Z", "by": ALICE, "kind": "note", "text": "asked the shop"}))

    note = connect(faulty.url).add_note(CASE["id"], "asked the shop")

    (sent,) = faulty.received
    assert (sent.method, sent.path, sent.json) == ("POST", f"{CASE_PATH}notes/", {"note": "asked the shop"})
    assert note == Note(text="asked the shop", at=NOON, by=Person(username="alice", name="Alice A."), kind="note")
