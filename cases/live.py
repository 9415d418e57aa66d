"""Pushes the numbered feed to browsers. The table is the truth; the channel layer only says that it grew."""

import asyncio
import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from prometheus_client import Gauge

from cases import access, feed
from cases.live_hub import GROUP, hub
from cases.queries import feed as feed_queries

logger = logging.getLogger(__name__)
CLIENTS = Gauge("fraud_feed_clients", "Browsers on the live feed", multiprocess_mode="livesum")

# Further behind than this a client does better to load the page anew than to be sent everything it missed.
MAX_BEHIND = 2_000
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
        self._grew = asyncio.Event()
        self._checked_at = asyncio.get_running_loop().time()
        hub().join(self._grew)
        self._task = asyncio.create_task(self._run())
        CLIENTS.inc()

    async def disconnect(self, code: int) -> None:
        if self._task is None:
            return
        self._task.cancel()
        CLIENTS.dec()
        hub().leave(self._grew)

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

    async def _run(self) -> None:
        try:
            while True:
                await self._grew.wait()
                self._grew.clear()
                if not await self._is_still_allowed():
                    await self.close(code=4401)
                    return
                while self._request is not None and await self._send_page(self._request):
                    pass
        except Exception:
            logger.exception("The live feed of one browser ended")
            await self.close(code=1011)

    async def _send_page(self, request: feed.FeedRequest) -> bool:
        """Send the next entries; True when there may be more."""
        start = self._sent
        page = await hub().page_after(start)
        if request is not self._request:
            # The client asked for something else meanwhile.
            return True
        if page.newest - start > MAX_BEHIND or start > page.newest:
            self._request = None
            await self.send_json({"type": "resync", "seq": page.newest})
            return False
        if not page.entries:
            return False
        self._sent = page.entries[-1].seq
        await self.send(text_data=page.text_for(request))
        return self._sent < page.newest

    async def _is_still_allowed(self) -> bool:
        clock = asyncio.get_running_loop().time()
        if clock - self._checked_at < _RECHECK_SECONDS:
            return True
        self._checked_at = clock
        check = database_sync_to_async(access.may_still_watch)
        return bool(await check(self.scope["user"].pk, self.scope.get("session")))
