"""What the browsers of one process share on the live feed: the nudges, the reads, and the text that is sent."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import redis
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from cases import feed
from cases.models import FeedEntry
from cases.queries import feed as feed_queries
from cases.queries.queues import Desk
from cases.sight import Sight

logger = logging.getLogger(__name__)

GROUP = "feed"
NUDGE = "feed.grew"
PAGE = 200
# A nudge may be lost (the layer drops what it cannot hold): the table is looked at this often without one.
_LOOK_SECONDS = 5.0
# Browsers are woken at most this often: fifty entries a second are four messages to each of them, not fifty.
_REST_SECONDS = 0.25
_RECONNECT_SECONDS = 2.0


# Outcomes, smallest stake, queues that are seen, entries whose score is not.
_Wanted = tuple[frozenset[str], Decimal, frozenset[int | None], frozenset[int]]


@dataclass
class Page:
    """Entries of the feed in their order, and the messages made of them."""

    entries: Sequence[FeedEntry]
    # Of the newest entry in the table: what a browser that got this page may still lack.
    newest: int
    _told: list[dict[str, Any]] = field(init=False)
    _texts: dict[tuple[frozenset[str], Decimal, frozenset[int | None], frozenset[int]], str] = field(
        default_factory=dict, init=False
    )

    def __post_init__(self) -> None:
        self._told = [feed.as_json(entry) for entry in self.entries]

    @property
    def queue_ids(self) -> set[int | None]:
        return {_queue_of(entry) for entry in self.entries}

    def text_for(self, request: feed.FeedRequest, desk: Desk | None, sight: Sight) -> str:
        """The message for a browser that asked for this and sees so much; made once for all that are alike."""
        seen = frozenset(queue for queue in self.queue_ids if desk is not None and desk.sees(queue))
        hidden = frozenset(entry.seq for entry in self.entries if sight.hides_entry(entry.case_id))
        chosen = (request.outcomes, request.min_stake, seen, hidden)
        text = self._texts.get(chosen)
        if text is None:
            both = zip(self.entries, self._told, strict=True)
            fitting = [each for each in both if feed.matches(each[0], request) and _queue_of(each[0]) in seen]
            shown = [feed.without_score(told) if entry.seq in hidden else told for entry, told in fitting]
            # Sent also when empty: the client has to know how far it has come.
            text = json.dumps({"type": "entries", "seq": self.entries[-1].seq, "entries": shown})
            self._texts[chosen] = text
        return text


def _queue_of(entry: FeedEntry) -> int | None:
    queue_id: int | None = entry.queue_id  # type: ignore[attr-defined]
    return queue_id


class Browser(Protocol):
    def wake(self) -> None:
        """The feed may have grown."""

    def hear(self, event: dict[str, Any]) -> None:
        """Something else was said to all browsers."""


class Hub:
    """One listener and one reader for all browsers of an event loop.

    Whoever asks for the same page before its read begins gets the same one: at a nudge the table is read once, not
    once a browser. Whoever asks while a read is under way gets the next one: what came meanwhile is in it.
    """

    def __init__(self) -> None:
        self._browsers: set[Browser] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._nudged = asyncio.Event()
        # Set once the layer is listened to, or was asked in vain.
        self._begun = asyncio.Event()
        self._waiting: dict[int, asyncio.Task[Page]] = {}
        self._turn = asyncio.Lock()

    def join(self, browser: Browser) -> None:
        """Tell the browser what there is to tell, until `leave`."""
        self._browsers.add(browser)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._wake())]

    def leave(self, browser: Browser) -> None:
        self._browsers.discard(browser)
        if not self._browsers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []
            self._begun.clear()

    async def begun(self, *, within: float) -> None:
        """Wait until what is said to all browsers is heard here, or these seconds: the layer may be down."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._begun.wait()

    async def page_after(self, start: int) -> Page:
        """The entries after `start`."""
        read = self._waiting.get(start)
        if read is None:
            read = self._waiting[start] = asyncio.create_task(self._read(start))
        # One browser that leaves must not take the read from the others.
        return await asyncio.shield(read)

    async def _read(self, start: int) -> Page:
        async with self._turn:
            del self._waiting[start]
            page: Page = await _read_page(start)
            return page

    async def _wake(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._nudged.wait()
            self._nudged.clear()
            for browser in self._browsers:
                browser.wake()
            await asyncio.sleep(_REST_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (OSError, TimeoutError, redis.RedisError):
                logger.warning("No channel layer: browsers are served by looking at the table", exc_info=True)
                self._begun.set()
                await asyncio.sleep(_RECONNECT_SECONDS)

    def _pass_on(self, event: dict[str, Any]) -> None:
        if event["type"] == NUDGE:
            self._nudged.set()
            return
        for browser in self._browsers:
            browser.hear(event)

    async def _hear(self) -> None:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        self._begun.set()
        # What came before we could hear it.
        self._nudged.set()
        try:
            while True:
                self._pass_on(await layer.receive(channel))
        finally:
            with suppress(OSError, TimeoutError, redis.RedisError):
                await layer.group_discard(GROUP, channel)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


@database_sync_to_async
def _read_page(start: int) -> Page:
    entries = feed_queries.entries_after(start, limit=PAGE)
    newest = feed_queries.newest_seq() if len(entries) in (0, PAGE) else entries[-1].seq
    return Page(entries, newest)
