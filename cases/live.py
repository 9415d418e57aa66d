"""Pushes the numbered feed to browsers. The table is the truth; the channel layer only says that it grew."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

import redis
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from prometheus_client import Gauge

from cases import access, feed
from cases.models import FeedEntry
from cases.queries import feed as feed_queries
from cases.queries.sight import sight_of

logger = logging.getLogger(__name__)
CLIENTS = Gauge("fraud_feed_clients", "Browsers on the live feed", multiprocess_mode="livesum")

GROUP = "feed"
PAGE = 200
# Further behind than this a client does better to load the page anew than to be sent everything it missed.
MAX_BEHIND = 2_000
# A nudge may be lost (the layer drops what it cannot hold): the table is looked at this often without one.
_LOOK_SECONDS = 5.0
# A push must not hold up the worker that opened the cases.
_PUSH_SECONDS = 2.0
# Who logs out or loses the permission stops being sent entries within this time.
_RECHECK_SECONDS = 30.0


def push_feed(seq: int) -> None:
    """Tell connected browsers that the feed has grown. A layer that is down is logged: they look anyway."""
    try:
        async_to_sync(_send_nudge)(seq)
    except Exception:
        logger.warning("The live feed was not nudged to %s", seq, exc_info=True)


async def _send_nudge(seq: int) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(_PUSH_SECONDS):
            await layer.group_send(GROUP, {"type": "feed.grew", "seq": seq})


class FeedConsumer(AsyncJsonWebsocketConsumer):
    """One browser. A single task reads and sends, page by page: a slow reader slows only itself.

    Closes with 4401 when nobody is logged in (any more), with 4403 without the permission.
    """

    async def connect(self) -> None:
        self._task: asyncio.Task[None] | None = None
        # Accepted first: browsers are not told the code of a refused handshake.
        await self.accept()
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(code=4401)
        elif not await database_sync_to_async(access.may_watch)(user):
            await self.close(code=4403)
        else:
            await self._start()

    async def _start(self) -> None:
        self._request: feed.FeedRequest | None = None
        self._sent = 0
        self._sight = await database_sync_to_async(sight_of)(self.scope["user"])
        self._grew = asyncio.Event()
        self._checked_at = asyncio.get_running_loop().time()
        try:
            await self.channel_layer.group_add(GROUP, self.channel_name)
        except (OSError, TimeoutError, redis.RedisError):
            logger.warning("No channel layer: this browser is served by looking at the table", exc_info=True)
        self._task = asyncio.create_task(self._run())
        CLIENTS.inc()

    async def disconnect(self, code: int) -> None:
        if self._task is None:
            return
        self._task.cancel()
        CLIENTS.dec()
        try:
            await self.channel_layer.group_discard(GROUP, self.channel_name)
        except (OSError, redis.RedisError):
            logger.warning("The channel layer did not take the goodbye", exc_info=True)

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except (ValueError, RecursionError):
            return None

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if self._task is None:
            return
        try:
            request = feed.parse(content)
        except feed.InvalidRequestError as error:
            await self.send_json({"type": "error", "message": str(error)})
            return
        newest = await database_sync_to_async(feed_queries.newest_seq)()
        self._sent = newest if request.after is None else request.after
        self._request = request
        self._grew.set()

    async def feed_grew(self, event: dict[str, Any]) -> None:
        """A nudge. However many arrive while a page is on its way, they are one."""
        self._grew.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._wait()
                if not await self._is_still_allowed():
                    await self.close(code=4401)
                    return
                while self._request is not None and await self._send_page(self._request):
                    pass
        except Exception:
            logger.exception("The live feed of one browser ended")
            await self.close(code=1011)

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._grew.wait()
        self._grew.clear()

    async def _send_page(self, request: feed.FeedRequest) -> bool:
        """Send the next entries; True when there may be more."""
        start = self._sent
        newest, page = await _shared_reads().page_after(start)
        if request is not self._request:
            # The client asked for something else meanwhile.
            return True
        if newest - start > MAX_BEHIND or start > newest:
            self._request = None
            await self.send_json({"type": "resync", "seq": newest})
            return False
        if not page:
            return False
        self._sent = page[-1][0].seq
        shown = [self._seen(entry, told) for entry, told in page if feed.matches(entry, request)]
        # Sent also when empty: the client has to know how far it has come.
        await self.send_json({"type": "entries", "seq": self._sent, "entries": shown})
        return len(page) == PAGE

    def _seen(self, entry: FeedEntry, told: dict[str, Any]) -> dict[str, Any]:
        return feed.without_score(told) if self._sight.hides_entry(entry.case_id) else told

    async def _is_still_allowed(self) -> bool:
        clock = asyncio.get_running_loop().time()
        if clock - self._checked_at < _RECHECK_SECONDS:
            return True
        self._checked_at = clock
        check = database_sync_to_async(access.may_still_watch)
        # What is hidden from whom may have been set anew meanwhile.
        self._sight = await database_sync_to_async(sight_of)(self.scope["user"])
        return bool(await check(self.scope["user"].pk, self.scope.get("session")))


# Entries of the feed, each with what browsers are told of it.
Page = list[tuple[FeedEntry, dict[str, Any]]]


class _SharedReads:
    """One read for all browsers of this process that ask for the same page before it begins.

    At a nudge each of them asks; so the table is read once, not once a browser. Whoever asks while a read is under way
    gets the next one: what came meanwhile is in it.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Task[tuple[int, Page]]] = {}
        self._turn = asyncio.Lock()

    async def page_after(self, start: int) -> tuple[int, Page]:
        """The number of the newest entry, and the entries after `start`."""
        read = self._waiting.get(start)
        if read is None:
            read = self._waiting[start] = asyncio.create_task(self._read(start))
        # One browser that leaves must not take the read from the others.
        return await asyncio.shield(read)

    async def _read(self, start: int) -> tuple[int, Page]:
        async with self._turn:
            del self._waiting[start]
            page: tuple[int, Page] = await _read_page(start)
            return page


_reads: WeakKeyDictionary[asyncio.AbstractEventLoop, _SharedReads] = WeakKeyDictionary()


def _shared_reads() -> _SharedReads:
    return _reads.setdefault(asyncio.get_running_loop(), _SharedReads())


@database_sync_to_async
def _read_page(start: int) -> tuple[int, Page]:
    entries = feed_queries.entries_after(start, limit=PAGE)
    newest = feed_queries.newest_seq() if len(entries) in (0, PAGE) else entries[-1].seq
    return newest, [(entry, feed.as_json(entry)) for entry in entries]
