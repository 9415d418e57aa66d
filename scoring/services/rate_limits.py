"""How many calls a second an API key may make, counted over all web processes.

The counter is a sliding window: what was let in during this second, and of the second before the share that is less
than a second ago. A fixed window would let twice the limit through around its edge, and a log of each call would cost
memory with the limit. Refused calls do not count, so a program that comes too often still gets its share.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from math import floor
from weakref import WeakKeyDictionary

import redis
from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from scoring.breaker import Breaker
from scoring.gathering import Gathering
from scoring.metrics import THROTTLED
from scoring.services.key_book import KeyFacts

logger = logging.getLogger(__name__)

# Of a socket's time-out: longer than a call stands in a queue of ordinary ones, and all it waits where even the name of
# the server is not found.
_PATIENCE = 5
_PREFIX = "rate"
# What a call of a key is worth, and the seconds until it would be let in.
_Calls = Gathering[int, float | None]


class TooManyAtOnceError(Exception):
    """One call asks for more than its key may have in a second, so it can never be let in. Says how many it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"is more than this key may send in a second; send at most {limit} at once")


class RateLimiter:
    """Counts calls in Valkey, and in this process's memory while Valkey does not answer.

    Valkey is asked in a thread, so that an event loop does not stand still meanwhile, and for all calls of a key that
    came since it was asked before: a call by itself is counted at once, and many cost one way there.

    timeout_seconds: of connecting, and of each answer. period_seconds: the window that a key's limit is for.
    """

    def __init__(self, url: str, *, timeout_seconds: float, period_seconds: int = 1) -> None:
        self._period = period_seconds
        self._patience_seconds = _PATIENCE * timeout_seconds
        self._breaker = Breaker("The counter of calls", failures=3, open_seconds=1.0)
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="rate-limits")
        self._gathered: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[int, int], _Calls]] = (
            WeakKeyDictionary()
        )
        options = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds}
        # Never again after a time-out: that would be another one.
        self._shared = RedisStorage(url, key_prefix=_PREFIX, retry=Retry(NoBackoff(), 0), **options)  # type: ignore[arg-type]

    @cached_property
    def _own(self) -> MemoryStorage:
        return MemoryStorage()

    async def hit(self, facts: KeyFacts, *, cost: int = 1) -> float | None:
        """Count a call of a key, as `cost` calls; None lets it in, else the seconds until it would be.

        Raises:
            TooManyAtOnceError: nothing was counted.
        """
        limit = facts.rate_limit or settings.API_RATE_LIMIT
        if cost > limit:
            raise TooManyAtOnceError(limit)
        if self._breaker.allows():
            try:
                return await self._calls_of(facts.id, limit).ask(cost)
            except (redis.RedisError, TimeoutError) as error:
                logger.debug("calls are counted in this process: %s", error)
        return self._count(self._own, facts.id, limit, [cost])[0]

    def _calls_of(self, key_id: int, limit: int) -> _Calls:
        gathered = self._gathered.setdefault(asyncio.get_running_loop(), {})
        if (key_id, limit) not in gathered:
            gathered[key_id, limit] = Gathering(partial(self._count_shared, key_id, limit))
        return gathered[key_id, limit]

    async def _count_shared(self, key_id: int, limit: int, costs: list[int]) -> list[float | None]:
        """Raises: RedisError, TimeoutError: they may have been counted, or not."""
        try:
            waits = await self._ask_in_lane(key_id, limit, costs)
        except (redis.RedisError, TimeoutError):
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return waits

    async def _ask_in_lane(self, key_id: int, limit: int, costs: list[int]) -> list[float | None]:
        loop = asyncio.get_running_loop()
        counting = loop.run_in_executor(self._lane, self._count, self._shared, key_id, limit, costs)
        # Not `wait_for`: an answer that is here counts, though a busy loop comes to look for it late.
        await asyncio.wait([counting], timeout=self._patience_seconds)
        if not counting.done():
            counting.cancel()
            raise TimeoutError("no answer of the counter in time")
        return counting.result()

    def _count(
        self, storage: RedisStorage | MemoryStorage, key_id: int, limit: int, costs: list[int]
    ) -> list[float | None]:
        """Count what fits, in few ways to the storage however many costs there are: they stand in one lane."""
        item = RateLimitItemPerSecond(limit, self._period, namespace="key")
        limiter, name = SlidingWindowCounterRateLimiter(storage), str(key_id)
        if sum(costs) <= limit and limiter.hit(item, name, cost=sum(costs)):
            return [None] * len(costs)
        window = storage.get_sliding_window(item.key_for(name), self._period)
        taken = _fitting(costs, room=limit - floor(_weight(window, self._period)))
        if any(taken):
            count = sum(cost for cost, is_taken in zip(costs, taken, strict=True) if is_taken)
            # Another process may have been faster: then they are refused as well.
            taken = taken if limiter.hit(item, name, cost=count) else [False] * len(costs)
            window = storage.get_sliding_window(item.key_for(name), self._period)
        return [
            None if is_taken else seconds_until_free(window, limit=limit, cost=cost, period=self._period)
            for cost, is_taken in zip(costs, taken, strict=True)
        ]


def _fitting(costs: list[int], *, room: int) -> list[bool]:
    """Which of the calls fit, the first ones first; one that does not keeps none out that is worth less."""
    taken = []
    for cost in costs:
        taken.append(cost <= room)
        room -= cost * (cost <= room)
    return taken


def _weight(window: tuple[int, float, int, float], period: float) -> float:
    before, before_left, current, _ = window
    return before * before_left / period + current


def seconds_until_free(window: tuple[int, float, int, float], *, limit: int, cost: int, period: float) -> float:
    """Seconds until `cost` more fit, if nobody else comes.

    window: calls of the period before, seconds that some of them still count, calls of this period, seconds until
    these no longer count.
    """
    before, before_left, current, current_left = window
    room = limit - cost
    if current > room:
        # Not in this period: it becomes the one before, and its calls fade over the next.
        return max(0.0, current_left - period * room / current)
    if before == 0:
        return 0.0
    return max(0.0, before_left - period * (room - current) / before)


@cache
def rate_limiter() -> RateLimiter:
    """The one of this process."""
    return RateLimiter(settings.REDIS_URL, timeout_seconds=settings.FEATURE_STORE_TIMEOUT_SECONDS)


async def hit(facts: KeyFacts, *, cost: int = 1) -> float | None:
    """Count a call in this process's limiter, and in the metrics if it is refused; see `RateLimiter.hit`."""
    wait = await rate_limiter().hit(facts, cost=cost)
    if wait is not None:
        THROTTLED.labels(facts.name).inc()
    return wait
