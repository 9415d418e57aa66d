"""Limiters of web processes, and keys that call."""

from collections.abc import Callable

from asgiref.sync import async_to_sync

from scoring.services.key_book import KeyFacts
from scoring.services.rate_limits import RateLimiter

# So long that no test sees its end.
PERIOD = 3600
Process = Callable[..., RateLimiter]


def facts(key_id: int = 1, *, rate_limit: int | None = 3) -> KeyFacts:
    return KeyFacts(key_id, "shop", frozenset(["decide"]), None, rate_limit, None)


def hit(limiter: RateLimiter, key: KeyFacts | None = None, *, cost: int = 1) -> float | None:
    return async_to_sync(limiter.hit)(key or facts(), cost=cost)


def let_in(limiter: RateLimiter, calls: int, key: KeyFacts | None = None) -> int:
    return sum(hit(limiter, key) is None for _ in range(calls))
