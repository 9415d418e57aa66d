"""The live feed over its WebSocket."""

import json
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from cases import live, live_hub
from cases.services.review_settings import change_settings
from tests.event_loop import in_event_loop
from tests.factories import REASONS, flag, make_decision, make_user

# The consumer gives its connection back between reads, which a transaction around the test would not survive.
pytestmark = pytest.mark.django_db(transaction=True)
make_decision_async = sync_to_async(lambda **values: flag(make_decision(**values)))


class Browser(ApplicationCommunicator):
    """The other end of the WebSocket. (channels.testing has one, but imports a server we do not use.)"""

    async def send(self, message):
        await self.send_text(json.dumps(message))

    async def send_text(self, text):
        await self.send_input({"type": "websocket.receive", "text": text})

    async def receive(self):
        message = await self.receive_output(timeout=3)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def closed_with(self):
        message = await self.receive_output(timeout=3)
        assert message["type"] == "websocket.close", message
        return message["code"]


@asynccontextmanager
async def connecting(user, **scope):
    scope = {"type": "websocket", "path": "/ws/feed/", "headers": [], "subprotocols": [], "user": user, **scope}
    browser = Browser(live.FeedConsumer.as_asgi(), scope)
    await browser.send_input({"type": "websocket.connect"})
    assert (await browser.receive_output(timeout=3))["type"] == "websocket.accept"
    try:
        yield browser
    finally:
        await browser.send_input({"type": "websocket.disconnect", "code": 1000})
        await browser.wait(timeout=3)


@asynccontextmanager
async def watching(user, **scope):
    async with connecting(user, **scope) as browser:
        assert await browser.receive() == {"type": "ready"}
        yield browser


@in_event_loop
async def test_what_came_before_is_sent_and_then_what_comes(alice):
    await make_decision_async()
    await make_decision_async()
    async with watching(alice) as browser:
        await browser.send({"after": 1})
        caught_up = await browser.receive()
        await make_decision_async(card_id="tok-1-9920")
        await live._send_nudge(3)
        pushed = await browser.receive()

    assert [entry["seq"] for entry in caught_up["entries"]] == [2]
    assert (caught_up["type"], caught_up["seq"]) == ("entries", 2)
    (entry,) = pushed["entries"]
    assert entry["seq"] == 3
    assert entry["card"] == "•••• 9920"
    assert entry["amount"] == "1249"
    assert entry["reason"] == "7 payments in the last hour; 1 is usual"
    assert entry["case_url"] == f"/cases/{entry['case_id']}/"


@in_event_loop
async def test_a_lost_nudge_loses_no_entry(alice, monkeypatch):
    monkeypatch.setattr(live_hub, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(live, "push_feed", lambda seq: None)
    async with watching(alice) as browser:
        await browser.send({"after": 0})
        assert await browser.receive_nothing(timeout=0.3)
        await make_decision_async()

        assert (await browser.receive())["seq"] == 1


@in_event_loop
async def test_without_a_channel_layer_browsers_are_served_by_looking(alice, monkeypatch, settings):
    layer = settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    monkeypatch.setattr(live_hub, "_LOOK_SECONDS", 0.05)
    async with watching(alice) as browser:
        await browser.send({"after": 0})
        await make_decision_async()

        assert (await browser.receive())["seq"] == 1


@in_event_loop
async def test_catching_up_goes_page_by_page(alice, monkeypatch):
    monkeypatch.setattr(live_hub, "PAGE", 2)
    for _ in range(5):
        await make_decision_async()
    async with watching(alice) as browser:
        await browser.send({"after": 0})
        pages = [await browser.receive() for _ in range(3)]

    assert [[entry["seq"] for entry in page["entries"]] for page in pages] == [[1, 2], [3, 4], [5]]


@in_event_loop
async def test_who_is_too_far_behind_is_told_to_resync(alice, monkeypatch):
    monkeypatch.setattr(live, "MAX_BEHIND", 2)
    for _ in range(4):
        await make_decision_async()
    async with watching(alice) as browser:
        await browser.send({"after": 1})
        assert await browser.receive() == {"type": "resync", "seq": 4}
        await browser.send({"after": 3})
        assert (await browser.receive())["seq"] == 4


@in_event_loop
async def test_who_is_ahead_of_the_feed_is_told_to_resync(alice):
    await make_decision_async()
    async with watching(alice) as browser:
        await browser.send({"after": 99})

        assert await browser.receive() == {"type": "resync", "seq": 1}


@in_event_loop
async def test_the_filter_chooses_and_the_number_still_moves(alice):
    await make_decision_async(outcome="decline", amount=100, score=0.9)
    await make_decision_async(outcome="decline", amount=10, score=0.9)
    await make_decision_async(outcome="review", amount=100, score=0.9)
    async with watching(alice) as browser:
        await browser.send({"after": 0, "filter": {"outcome": ["decline"], "min_stake": 50}})
        page = await browser.receive()

    assert [entry["seq"] for entry in page["entries"]] == [1]
    assert page["seq"] == 3


@pytest.mark.parametrize(
    "message",
    [
        [],
        {"after": -1},
        {"after": True},
        {"after": "1"},
        {"since": 1},
        {"filter": ["decline"]},
        {"filter": {"card": "x"}},
        {"filter": {"outcome": ["approve"]}},
        {"filter": {"outcome": "decline"}},
        {"filter": {"min_stake": "NaN"}},
        {"filter": {"min_stake": -1}},
        {"filter": {"min_stake": {}}},
    ],
)
@in_event_loop
async def test_a_wrong_request_is_answered_and_the_next_served(alice, message):
    async with watching(alice) as browser:
        await browser.send(message)
        assert (await browser.receive())["type"] == "error"
        await browser.send_text("{not json")
        assert (await browser.receive())["type"] == "error"
        await make_decision_async()
        await browser.send({"after": 0})
        assert (await browser.receive())["seq"] == 1


@in_event_loop
async def test_nobody_logged_in_is_closed_with_4401(db):
    async with connecting(AnonymousUser()) as browser:
        assert await browser.closed_with() == 4401


@in_event_loop
async def test_who_may_not_watch_is_closed_with_4403(mallory):
    async with connecting(mallory) as browser:
        assert await browser.closed_with() == 4403


@in_event_loop
async def test_logging_out_ends_the_feed(alice, monkeypatch):
    monkeypatch.setattr(live_hub, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(live, "_RECHECK_SECONDS", 0)
    client = Client()
    await sync_to_async(client.force_login)(alice)
    async with watching(alice, session=await sync_to_async(lambda: client.session)()) as browser:
        assert await browser.receive_nothing(timeout=0.2)
        await sync_to_async(client.logout)()

        assert await browser.closed_with() == 4401


@in_event_loop
async def test_who_sees_the_score_after_the_verdict_is_not_sent_it():
    alice, bob = await sync_to_async(make_user)("analyst"), await sync_to_async(make_user)("lead")
    await sync_to_async(change_settings)(values={}, displays={alice.id: "always"})
    await make_decision_async(score=0.77)

    for person, score, reason in ((alice, None, ""), (bob, 0.77, REASONS[0]["words"])):
        async with watching(person) as browser:
            await browser.send({"after": 0})
            (entry,) = (await browser.receive())["entries"]
            assert (entry["score"], entry["reason"]) == (score, reason)
            assert entry["is_score_hidden"] == (score is None)
