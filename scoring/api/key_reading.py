"""Following changes of API keys on an event loop, without making calls wait for the database."""

import asyncio
from contextlib import suppress
from weakref import WeakKeyDictionary

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connection
from django.utils.timezone import now

from scoring.services import key_book
from scoring.silence import SILENCE_SECONDS, answers_within

# A call whose key is known waits for so long at most: the last known keys will do.
_KNOWN_SECONDS = 0.02
_readings: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


async def follow_keys(key: str) -> None:
    """Have the keys read again where that is due; one reading for all calls that come meanwhile.

    A call waits for it where its key may be new or no more, and even then for a share of its patience only: while the
    database does not answer, the last known keys stay.
    """
    if not key_book.is_stale(key):
        return
    must_wait = key_book.must_wait(key)
    loop = asyncio.get_running_loop()
    reading = _readings.get(loop)
    if reading is None or reading.done():
        reading = _readings[loop] = loop.create_task(_read(key))
    with suppress(TimeoutError):
        patience = settings.DECISION_PATIENCE_SECONDS / 4 if must_wait else _KNOWN_SECONDS
        await asyncio.wait_for(asyncio.shield(reading), patience)


async def _read(key: str) -> None:
    # Not in the thread that all share, which also does the work of browsers' sockets: in one of its own, or in that of
    # the request where Django's own handler gave it one.
    async with ThreadSensitiveContext():
        await sync_to_async(_refresh)(key)


def _refresh(key: str) -> None:
    try:
        with answers_within(SILENCE_SECONDS):
            key_book.refresh(key, at=now())
    finally:
        # The thread ends, unless it is one that is inside a transaction and waits for this.
        if not connection.in_atomic_block:
            connection.close()
