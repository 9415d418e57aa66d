"""Two hundred browsers on a live feed that grows fast, cut off again and again: nothing is missed or repeated."""

import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cases.models import FeedEntry
from cases.services.alerts import open_cases
from tests.factories import make_decision, make_user

pytestmark = pytest.mark.slow

SOCKETS, CUTS = 200, 20
AT_ONCE, ROUNDS, PAUSE_SECONDS = 5, 100, 0.1


class Watcher:
    """A browser as static/js/feed.js is one: keeps its number, asks again after a cut."""

    def __init__(self, address: str, cookie: str) -> None:
        self._address = address.replace("http", "ws") + "/ws/feed/"
        self._headers = {"Cookie": f"sessionid={cookie}", "Origin": address}
        self.seen: list[int] = []
        self.last = 0
        self.connection: ClientConnection | None = None

    async def watch(self) -> None:
        while True:
            try:
                async with connect(self._address, additional_headers=self._headers) as self.connection:
                    await self.connection.send(json.dumps({"after": self.last}))
                    async for message in self.connection:
                        self._take(json.loads(message))
            except (ConnectionClosed, OSError):
                # Cut, or the server had no time for another handshake.
                await asyncio.sleep(random.uniform(0.0, 0.5))

    def _take(self, message) -> None:
        if message == {"type": "ready"}:
            return
        assert message["type"] == "entries", message
        self.seen += [entry["seq"] for entry in message["entries"]]
        self.last = message["seq"]

    async def cut(self) -> None:
        if self.connection is not None:
            self.connection.transport.abort()


def flag_steadily() -> int:
    """Flag payments at a steady rate, as a worker does; how many."""
    try:
        for _ in range(ROUNDS):
            began = time.monotonic()
            ids = [make_decision(occurred_at=now(), card_id=f"card-{n}").id for n in range(AT_ONCE)]
            open_cases(ids, now=now())
            time.sleep(max(0.0, PAUSE_SECONDS - (time.monotonic() - began)))
        return AT_ONCE * ROUNDS
    finally:
        connection.close()


async def watch_all(site: str, cookie: str) -> list[Watcher]:
    watchers = [Watcher(site, cookie) for _ in range(SOCKETS)]
    tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    with ThreadPoolExecutor(1) as pool:
        flagging = asyncio.get_running_loop().run_in_executor(pool, flag_steadily)
        for number in range(CUTS):
            await asyncio.sleep(ROUNDS * PAUSE_SECONDS / CUTS)
            cut = random.Random(number).sample(watchers, SOCKETS // 4)
            await asyncio.gather(*(watcher.cut() for watcher in cut))
        flagged = await flagging
    async with asyncio.timeout(60):
        while any(watcher.last < flagged for watcher in watchers):
            assert not any(task.done() for task in tasks), next(task for task in tasks if task.done()).exception()
            await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # What was cut is closed by the loop's next turns.
    await asyncio.sleep(0.1)
    return watchers


def test_two_hundred_browsers_that_are_cut_off_again_and_again_miss_nothing(site):
    user = make_user()
    client = Client()
    client.force_login(user)

    cookie = client.cookies["sessionid"].value
    # In a thread of its own: playwright's event loop may run in this one.
    with ThreadPoolExecutor(1) as pool:
        watchers = pool.submit(lambda: asyncio.run(watch_all(site, cookie))).result()

    shown = list(FeedEntry.objects.order_by("seq").values_list("seq", flat=True))
    assert len(shown) == AT_ONCE * ROUNDS
    assert [watcher.seen for watcher in watchers] == [shown] * SOCKETS
