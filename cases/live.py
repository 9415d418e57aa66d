"""Pushes the numbered feed to browsers. The table is the truth; the channel layer only says that it grew."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import get_channel_layer
from prometheus_client import Gauge

from cases import access, feed
from cases.live_hub import GROUP, NUDGE, Page, hub
from cases.queries import feed as feed_queries
from cases.queries.queues import Desk, desk_of
from cases.queries.sight import sight_of

logger = logging.getLogger(__name__)
CLIENTS = Gauge("fraud_feed_clients", "Browsers on the live feed", multiprocess_mode="livesum")

# Further behind than this a client does better to load the page anew than to be sent everything it missed.
MAX_BEHIND = 2_000
# A push must not hold up the worker that opened the cases.
_PUSH_SECONDS = 2.0
# Who logs out or loses the permission stops being sent entries within this time.
_RECHECK_SECONDS = 30.0
_MOST_HEARD = 20


def push_feed(seq: int) -> None:
    """Tell connected browsers that the feed has grown. A layer that is down is logged: they look anyway."""
    try:
        async_to_sync(_send_nudge)(seq)
    except Exception:
        logger.warning("The live feed was not nudged to %s", seq, exc_info=True)


def push_queues(due: Mapping[int, int], *, minutes: int = 0) -> None:
    """Tell connected browsers that queues have changed: queue's id -> how many of its cases are due in `minutes`."""
    try:
        async_to_sync(_send)({"type": "queues.changed", "due": {str(one): n for one, n in due.items()}, "in": minutes})
    except Exception:
        logger.warning("The browsers were not told of the queues", exc_info=True)


async def _send_nudge(seq: int) -> None:
    await _send({"type": NUDGE, "seq": seq})


async def _send(message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(_PUSH_SECONDS):
            await layer.group_send(GROUP, message)


class FeedConsumer(AsyncJsonWebsocketConsumer):
    """One browser. A single task reads and sends, page by page: a slow reader slows only itself.

    Once it is told `ready` it misses nothing of what is said to all browsers.
    Closes with 4401 when nobody is logged in (any more), with 4403 without the permission.
    """

    # No layer of its own: the hub listens for all, and a browser is let in while the layer is down.
    channel_layer_alias = ""

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
            self._desk: Desk | None = await database_sync_to_async(desk_of)(user)
            await self._start()

    async def _start(self) -> None:
        self._request: feed.FeedRequest | None = None
        self._sent = 0
        self._sight = await database_sync_to_async(sight_of)(self.scope["user"])
        self._grew = asyncio.Event()
        self._heard: deque[dict[str, Any]] = deque(maxlen=_MOST_HEARD)
        self._checked_at = asyncio.get_running_loop().time()
        hub().join(self)
        self._task = asyncio.create_task(self._run())
        CLIENTS.inc()

    async def disconnect(self, code: int) -> None:
        if self._task is None:
            return
        self._task.cancel()
        CLIENTS.dec()
        hub().leave(self)

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

    def wake(self) -> None:
        """Told by the hub that the feed may have grown; however often while a page is on its way, it is once."""
        self._grew.set()

    def hear(self, event: dict[str, Any]) -> None:
        """Told by the hub, of other things than entries; a slow reader keeps the newest."""
        self._heard.append(event)
        self._grew.set()

    async def _tell_queues(self, event: dict[str, Any]) -> None:
        """Queues have other cases than before, or cases of theirs are soon due: told to those who see them."""
        desk = self._desk
        if desk is None:
            return
        seen = {queue: event["due"][key] for queue in desk.queues if (key := str(queue.id)) in event["due"]}
        due = [{"queue": queue.title, "cases": n} for queue, n in seen.items() if n and desk.sees(queue.id)]
        if any(desk.sees(queue.id) for queue in seen):
            await self.send_json({"type": "queues", "due": due, "minutes": event["in"]})

    async def _run(self) -> None:
        try:
            await hub().begun(within=_PUSH_SECONDS)
            await self.send_json({"type": "ready"})
            while True:
                await self._grew.wait()
                self._grew.clear()
                if not await self._is_still_allowed():
                    await self.close(code=4401)
                    return
                while self._heard:
                    await self._tell_queues(self._heard.popleft())
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
        await self._learn_queues(page)
        self._sent = page.entries[-1].seq
        await self.send(text_data=page.text_for(request, self._desk, self._sight))
        return self._sent < page.newest

    async def _learn_queues(self, page: Page) -> None:
        if self._desk is not None and not all(self._desk.knows(queue_id) for queue_id in page.queue_ids):
            # A queue made since: asked anew who sees it.
            await self._ask_again()

    async def _is_still_allowed(self) -> bool:
        if asyncio.get_running_loop().time() - self._checked_at >= _RECHECK_SECONDS:
            await self._ask_again()
        return self._desk is not None

    async def _ask_again(self) -> None:
        self._checked_at = asyncio.get_running_loop().time()
        check = database_sync_to_async(access.desk_of_watcher)
        self._desk = await check(self.scope["user"].pk, self.scope.get("session"))
        # What is hidden from whom may have been set anew meanwhile.
        self._sight = await database_sync_to_async(sight_of)(self.scope["user"])
