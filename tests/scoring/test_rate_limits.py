"""Calls of a key are counted over all processes, and in each one while Valkey is away."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import async_to_sync
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from prometheus_client import REGISTRY
from rest_framework.exceptions import Throttled, ValidationError

from scoring.api.throttles import count_calls
from scoring.services import rate_limits
from scoring.services.key_book import KeyFacts
from scoring.services.rate_limits import RateLimiter, TooManyAtOnceError, seconds_until_free
from tests.scoring.api_calls import DECISIONS, Caller, problem_of

NOWHERE = "redis://127.0.0.1:1/0"
ELSEWHERE = "redis://valkey.invalid:6379/0"
# So long that no test sees its end.
PERIOD = 3600
Process = Callable[..., RateLimiter]


@pytest.fixture
def process(settings) -> Process:
    """Makes the limiter of one more web process; one that a busy machine makes wait does not give Valkey up."""

    def make(url: str = settings.REDIS_URL) -> RateLimiter:
        return RateLimiter(url, timeout_seconds=30.0, period_seconds=PERIOD)

    return make


def facts(key_id: int = 1, *, rate_limit: int | None = 3) -> KeyFacts:
    return KeyFacts(key_id, "shop", frozenset(["decide"]), None, rate_limit, None)


def hit(limiter: RateLimiter, key: KeyFacts | None = None, *, cost: int = 1) -> float | None:
    return async_to_sync(limiter.hit)(key or facts(), cost=cost)


def let_in(limiter: RateLimiter, calls: int, key: KeyFacts | None = None) -> int:
    return sum(hit(limiter, key) is None for _ in range(calls))


@pytest.mark.parametrize("url", ["valkey", "memory"])
def test_a_key_gets_its_limit_and_no_more(process, url):
    limiter = process() if url == "valkey" else process(NOWHERE)

    assert let_in(limiter, 5) == 3
    assert hit(limiter) > 0


def test_two_processes_share_one_budget(process):
    first, second = process(), process()

    assert [let_in(one, 1) for one in (first, second, first, second, first)] == [1, 1, 1, 0, 0]


def test_keys_do_not_share_a_budget(process):
    limiter = process()
    let_in(limiter, 3)

    assert let_in(limiter, 5, facts(2)) == 3


def test_a_key_without_a_limit_has_that_of_the_settings(process, settings):
    settings.API_RATE_LIMIT = 2

    assert let_in(process(), 5, facts(rate_limit=None)) == 2


def test_a_call_that_is_worth_several_counts_as_several(process):
    limiter = process()

    assert hit(limiter, cost=2) is None
    assert hit(limiter, cost=2) is not None
    assert hit(limiter) is None


def test_refused_calls_use_nothing_up(process):
    limiter = process()
    hit(limiter, cost=2)
    for _ in range(10):
        hit(limiter, cost=3)

    assert hit(limiter) is None


def test_a_call_worth_more_than_the_limit_is_told_so_and_not_to_come_again(process):
    limiter = process()

    with pytest.raises(TooManyAtOnceError, match="at most 3 at once"):
        hit(limiter, cost=4)
    assert let_in(limiter, 5) == 3


def test_while_valkey_is_away_each_process_counts_for_itself_and_says_so_once(process, caplog):
    first, second = process(NOWHERE), process(NOWHERE)

    assert (let_in(first, 5), let_in(second, 5)) == (3, 3)
    assert [record.getMessage() for record in caplog.records] == [
        "The counter of calls does not answer; going on without it"
    ] * 2


def test_valkey_that_is_back_is_asked_again_after_a_while(process, monkeypatch):
    limiter, other = process(NOWHERE), process()
    assert let_in(limiter, 5) == 3

    monkeypatch.setattr(limiter, "_shared", other._shared)
    assert let_in(limiter, 5) == 0
    monkeypatch.setattr(limiter._breaker, "_clock", lambda: float("inf"))

    assert let_in(limiter, 5) == 3
    assert let_in(other, 5) == 0


# --- other calls of the process ------------------------------------------------------------------------------------


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


def test_what_is_counted_in_valkey_does_not_stay_there(process, valkey):
    hit(process())

    (key,) = valkey.scan_iter("rate:*")
    assert 0 < valkey.ttl(key) <= 2 * PERIOD


# --- when to come again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "cost", "seconds"),
    [
        ((0, 0.0, 10, 2.0), 1, 1.1),  # just filled: all but one must be a period old
        ((0, 0.0, 10, 2.0), 10, 2.0),  # all of them
        ((10, 0.5, 5, 1.5), 1, 0.1),  # what is left of the period before fades soon enough
        ((0, 0.0, 3, 1.5), 1, 0.0),  # there is room
    ],
)
def test_the_wait_is_until_enough_calls_have_faded(window, cost, seconds):
    assert seconds_until_free(window, limit=10, cost=cost, period=1) == pytest.approx(seconds)


@given(st.data())
def test_after_the_wait_the_call_fits_and_it_never_exceeds_two_periods(data):
    limit = data.draw(st.integers(1, 50))
    cost = data.draw(st.integers(1, limit))
    before, current = data.draw(st.integers(0, limit)), data.draw(st.integers(0, limit))
    passed = data.draw(st.floats(0, 1))

    wait = seconds_until_free((before, 1 - passed, current, 2 - passed), limit=limit, cost=cost, period=1)

    at = passed + wait
    counted = before * (1 - at) + current if at < 1 else current * max(0.0, 2 - at)
    assert counted + cost <= limit + 1e-6
    assert 0 <= wait <= 2


def test_both_counters_tell_the_same_of_a_window(process):
    shared, own = process()._shared, MemoryStorage()
    for storage in (shared, own):
        storage.acquire_sliding_window_entry("x", 10, PERIOD, 4)
        before, before_left, current, current_left = storage.get_sliding_window("x", PERIOD)
        assert (before, before_left, current) == (0, 0.0, 4)
        assert PERIOD < current_left <= 2 * PERIOD


# --- the answer ----------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(process, monkeypatch) -> None:
    """This process lets two calls in."""
    limiter = process()
    monkeypatch.setattr(rate_limits, "rate_limiter", lambda: limiter)


def test_a_key_that_comes_too_often_is_told_when_to_come_again(api, narrow, settings):
    settings.API_RATE_LIMIT = 2
    answers = [api.get(f"{DECISIONS}nobody/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2]["Retry-After"]) >= 1
    assert answers[2]["Retry-After"] in problem_of(answers[2], 429)["detail"]


def test_prometheus_is_told_which_key_comes_too_often(narrow):
    def refused() -> float:
        return REGISTRY.get_sample_value("fraud_api_throttled_total", {"key": "shop"}) or 0.0

    before = refused()
    for _ in range(5):
        async_to_sync(rate_limits.hit)(facts())

    assert refused() == before + 2


def test_a_call_without_a_key_uses_nobody_s_calls_up(api, client, narrow, settings):
    settings.API_RATE_LIMIT = 1
    for key in ("", "fk_wrong"):
        problem_of(Caller(client, key).get(f"{DECISIONS}nobody/"), 401)

    assert api.get(f"{DECISIONS}nobody/").status_code == 404


def test_a_call_worth_several_is_counted_before_anything_is_done_for_it(narrow):
    count = async_to_sync(count_calls)
    count(facts(rate_limit=2), 2)

    with pytest.raises(Throttled) as refused:
        count(facts(rate_limit=2), 1)
    with pytest.raises(ValidationError, match="at most 2 at once"):
        count(facts(rate_limit=2), 3)
    assert refused.value.wait >= 1
