"""Calls of a key that come at once are counted together, beside whatever else the process does."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from limits.strategies import SlidingWindowCounterRateLimiter

from scoring.services.rate_limits import RateLimiter
from tests.scoring.rate_limit_world import PERIOD, facts, let_in

ELSEWHERE = "redis://valkey.invalid:6379/0"


@pytest.fixture
def mute() -> Iterator[str]:
    """A Valkey that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


class LookUp:
    """The name of Valkey's machine is looked up, which lasts until it may end, and finds nothing."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, *arguments: object, **options: object) -> None:
        self.has_begun.set()
        assert self.may_end.wait(20)
        raise socket.gaierror("no such machine")


@pytest.fixture
def look_up(monkeypatch) -> Iterator[LookUp]:
    slow = LookUp()
    monkeypatch.setattr("redis.connection.socket.getaddrinfo", slow)
    yield slow
    slow.may_end.set()


def test_a_valkey_that_says_nothing_lets_calls_in_and_each_process_counts_for_itself(mute):
    limiter = RateLimiter(mute, timeout_seconds=0.01, period_seconds=PERIOD)

    assert let_in(limiter, 5) == 3
    assert not limiter._breaker.allows()


def test_the_event_loop_goes_on_while_a_call_is_counted(look_up):
    limiter = RateLimiter(ELSEWHERE, timeout_seconds=30.0, period_seconds=PERIOD)

    async def scene() -> float | None:
        counting = asyncio.create_task(limiter.hit(facts()))
        await asyncio.to_thread(look_up.has_begun.wait, 20)
        assert not counting.done()
        look_up.may_end.set()
        return await counting

    assert asyncio.run(scene()) is None


def test_calls_are_let_in_and_counted_here_while_nobody_knows_where_valkey_is(look_up):
    limiter = RateLimiter(ELSEWHERE, timeout_seconds=0.01, period_seconds=PERIOD)

    assert let_in(limiter, 5) == 3
    assert not look_up.may_end.is_set()


def test_an_answer_that_a_busy_loop_finds_late_counts(process):
    limiter = process()
    limiter._patience_seconds = 0.0

    async def scene() -> float | None:
        counting = asyncio.create_task(limiter.hit(facts()))
        # It is on its way to Valkey.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # The loop is busy until the answer is there.
        limiter._lane.submit(lambda: None).result()
        return await counting

    assert [asyncio.run(scene()) is None for _ in range(4)] == [True, True, True, False]
    assert let_in(process(), 1) == 0
    assert limiter._breaker.allows()


def test_many_calls_at_once_are_counted_in_few_ways_to_valkey_and_none_is_let_in_beyond_the_limit(process, monkeypatch):
    limiter, asked = process(), []
    count = limiter._count
    monkeypatch.setattr(limiter, "_count", lambda *given: asked.append(given[-1]) or count(*given))

    async def scene(calls: int, limit: int) -> list[float | None]:
        return await asyncio.gather(*(limiter.hit(facts(rate_limit=limit)) for _ in range(calls)))

    assert asyncio.run(scene(50, 60)) == [None] * 50
    assert asked == [[1] * 50]
    waits = asyncio.run(scene(20, 60))
    assert [wait is None for wait in waits] == [True] * 10 + [False] * 10


def test_a_storm_of_refused_calls_costs_no_more_ways_to_valkey_than_one(process, monkeypatch):
    limiter, asked = process(), []
    hit = SlidingWindowCounterRateLimiter.hit
    monkeypatch.setattr(
        SlidingWindowCounterRateLimiter, "hit", lambda *given, cost: asked.append(cost) or hit(*given, cost=cost)
    )

    async def storm() -> list[float | None]:
        return await asyncio.gather(*(limiter.hit(facts(rate_limit=20)) for _ in range(150)))

    first, second = asyncio.run(storm()), asyncio.run(storm())

    assert [wait is None for wait in first] == [True] * 20 + [False] * 130
    assert None not in second
    assert asked == [20]


def test_a_call_worth_less_is_let_in_behind_one_that_is_not(process):
    limiter = process()

    async def scene() -> list[float | None]:
        return await asyncio.gather(*(limiter.hit(facts(rate_limit=5), cost=cost) for cost in (3, 4, 2)))

    assert [wait is None for wait in asyncio.run(scene())] == [True, False, True]
