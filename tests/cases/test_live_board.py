"""Others' claims and verdicts over the queue page's WebSocket."""

from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser

from cases import live_board
from cases.models import CaseEvent
from cases.queries import changes
from cases.services import claims, notes, verdicts
from tests.cases.test_live import Browser, in_event_loop
from tests.factories import MINUTE, NOON, make_case

# The consumer gives its connection back between reads, which a transaction around the test would not survive.
pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def watching(user):
    scope = {"type": "websocket", "path": "/ws/board/", "headers": [], "subprotocols": [], "user": user}
    browser = Browser(live_board.BoardConsumer.as_asgi(), scope)
    await browser.send_input({"type": "websocket.connect"})
    assert (await browser.receive_output(timeout=3))["type"] == "websocket.accept"
    try:
        yield browser
    finally:
        await browser.send_input({"type": "websocket.disconnect", "code": 1000})
        await browser.wait(timeout=3)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live_board, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def reader(db):
    reader = live_board._Reader()
    assert reader.read() == []
    return reader


@in_event_loop
async def test_a_claim_a_release_and_a_verdict_are_told(alice, bob):
    case = await sync_to_async(make_case)()
    async with watching(alice) as one, watching(alice) as other:
        assert [await one.receive(), await other.receive()] == [{"type": "ready"}] * 2
        await sync_to_async(claims.claim)(case=case, analyst=bob, now=NOON)
        told = [await one.receive(), await other.receive()]
        await sync_to_async(decide)(case, bob)
        last = await one.receive()

    claimed = {"case": str(case.id), "username": "bob", "claimed_by": "Bob", "gone": ""}
    assert told == [{"type": "changes", "changes": [claimed]}] * 2
    assert last["changes"][0]["gone"] == "decided by Bob: fraud"


def decide(case, analyst):
    verdicts.record(case=case, analyst=analyst, verdict="fraud", typology="", note="", decided_at=NOON)


def test_of_many_changes_of_a_case_the_last_state_is_told_once(reader, alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    claims.release(case=case, actor=alice, now=NOON)

    state = {"case": str(case.id), "queue_id": case.queue_id, "username": "", "claimed_by": "", "gone": ""}
    assert reader.read() == [state]
    assert reader.read() == []


def test_looks_and_notes_are_passed_over(reader, alice, case):
    notes.add_note(case=case, author=alice, text="x", now=NOON)

    assert reader.read() == []


def test_an_event_that_comes_after_its_successors_is_told(reader, alice, bob):
    late, early = make_case(), make_case()
    # As of a transaction that took its number first and ended last.
    number = changes.newest_event_id() + 1
    CaseEvent.objects.create(id=number + 5, case=early, kind="claimed", actor=alice, happened_at=NOON)
    assert [state["case"] for state in reader.read()] == [str(early.id)]
    CaseEvent.objects.create(id=number, case=late, kind="claimed", actor=bob, happened_at=NOON)

    assert [state["case"] for state in reader.read()] == [str(late.id)]
    assert reader.read() == []


def test_what_was_said_before_anybody_looked_is_not_told(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON)
    reader = live_board._Reader()

    assert reader.read() == []
    claims.release(case=case, actor=alice, now=NOON + MINUTE)
    assert len(reader.read()) == 1


@in_event_loop
async def test_nobody_logged_in_and_nobody_without_the_permission_is_told(mallory):
    async with watching(AnonymousUser()) as browser:
        assert await browser.closed_with() == 4401
    async with watching(mallory) as browser:
        assert await browser.closed_with() == 4403


@in_event_loop
async def test_who_loses_the_permission_is_told_no_more(alice, monkeypatch):
    monkeypatch.setattr(live_board, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr("cases.live._RECHECK_SECONDS", 0.0)
    async with watching(alice) as browser:
        assert await browser.receive() == {"type": "ready"}
        await sync_to_async(alice.groups.clear)()

        assert await browser.closed_with() == 4401
