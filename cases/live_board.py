"""Tells the queue page of others' claims and verdicts. The history is the truth: it is looked at once a second."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import DatabaseError

from cases.live import FeedConsumer
from cases.queries import changes

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
# Who lost the permission is noticed when this has passed without a change.
_IDLE_SECONDS = 30.0


class BoardConsumer(FeedConsumer):
    """One browser on the queue page. Once it is told `ready`, it is sent how changed cases stand, the latest of each.

    Closes with 4401 and 4403 as the feed does.
    """

    async def _start(self) -> None:
        self._checked_at = asyncio.get_running_loop().time()
        self._mailbox = _Mailbox()
        self._task = asyncio.create_task(self._run())

    async def disconnect(self, code: int) -> None:
        if self._task is not None:
            self._task.cancel()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Nothing is asked of this connection."""

    async def _run(self) -> None:
        watch = _watch()
        watch.join(self._mailbox)
        try:
            await watch.begun.wait()
            await self.send_json({"type": "ready"})
            while await self._is_still_allowed():
                if told := self._seen(await self._mailbox.take(within=_IDLE_SECONDS)):
                    await self.send_json({"type": "changes", "changes": told})
            await self.close(code=4401)
        except Exception:
            logger.exception("The queue of one browser is told of no more changes")
            await self.close(code=1011)
        finally:
            watch.leave(self._mailbox)

    def _seen(self, states: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The states of cases in queues that the user sees, without the queue."""
        desk = self._desk
        seen = [state for state in states if desk is not None and desk.sees(state["queue_id"])]
        return [{name: value for name, value in state.items() if name != "queue_id"} for state in seen]


class _Mailbox:
    """What one browser has yet to be told; of each case the latest only, so that a slow one fills no memory."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}
        self._has_some = asyncio.Event()

    def put(self, states: list[dict[str, Any]]) -> None:
        self._states |= {state["case"]: state for state in states}
        self._has_some.set()

    async def take(self, *, within: float) -> list[dict[str, Any]]:
        """What is there, as soon as there is something; empty when nothing came within these seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._has_some.wait()
        states, self._states = list(self._states.values()), {}
        self._has_some.clear()
        return states


class _Watch:
    """One look at the history for all browsers of this process, while there are any."""

    def __init__(self) -> None:
        self._mailboxes: set[_Mailbox] = set()
        self._task: asyncio.Task[None] | None = None
        # Set while it is known from where on the history is read.
        self.begun = asyncio.Event()

    def join(self, mailbox: _Mailbox) -> None:
        self._mailboxes.add(mailbox)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def leave(self, mailbox: _Mailbox) -> None:
        self._mailboxes.discard(mailbox)
        if not self._mailboxes and self._task is not None:
            self._task.cancel()
            self._task = None
            self.begun.clear()

    async def _run(self) -> None:
        reader = _Reader()
        while self._mailboxes:
            try:
                states: list[dict[str, Any]] = await database_sync_to_async(reader.read)()
                self.begun.set()
            except DatabaseError:
                logger.warning("The history of cases could not be read; the queue pages wait", exc_info=True)
                states = []
            for mailbox in self._mailboxes if states else ():
                mailbox.put(states)
            await asyncio.sleep(_LOOK_SECONDS)


class _Reader:
    """Reads on from where it was; the first read only finds the place."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._seen: set[int] = set()

    def read(self) -> list[dict[str, Any]]:
        """How the cases stand on which something happened since the last read."""
        newest = changes.newest_event_id()
        is_first = self._newest is None
        events = changes.events_around(newest if self._newest is None else self._newest)
        new = events.keys() - self._seen
        self._newest = max(newest, *events) if events else newest
        self._seen = {number for number in self._seen | new if changes.is_late_enough(number, self._newest)}
        return [] if is_first or not new else changes.states_of({events[number] for number in new})


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


def _watch() -> _Watch:
    return _watches.setdefault(asyncio.get_running_loop(), _Watch())
