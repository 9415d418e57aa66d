"""Callers share batches: what comes during one is decided with the next, and each gets its own answer."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from scoring.services import decider
from scoring.services.decider import (
    MAX_BATCH,
    MAX_WAITING,
    Decider,
    InProgressError,
    Outcome,
    OverloadedError,
    Undecided,
)
from scoring.services.decisions import Arrival, ContendedError, Result
from scoring.transaction import decode
from tests.scoring.payments import body_of


def arrival_of(name: str) -> Arrival:
    at = now()
    return Arrival(decode(body_of(transaction_id=name), received_at=at), at, "api")


class Engine:
    """Decides nothing, and remembers in what batches it was asked. Waits while it is held."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.may_go = threading.Event()
        self.may_go.set()
        self.has_begun = threading.Event()
        self.poison: set[str] = set()
        self.outages: list[Exception] = []

    def __call__(self, arrivals) -> list[Result]:
        names = [arrival.transaction.transaction_id for arrival in arrivals]
        self.batches.append(names)
        self.threads.add(threading.get_ident())
        self.has_begun.set()
        assert self.may_go.wait(20)
        if found := self.poison & set(names):
            if self.outages:
                raise self.outages.pop(0)
            raise ValueError(f"{min(found)} cannot be decided")
        return [Result(arrival, None, is_new=False) for arrival in arrivals]


@pytest.fixture
def engine() -> Engine:
    return Engine()


def run(engine: Engine, scene: Callable[[Decider], Coroutine[Any, Any, Any]], *, patience_seconds: float = 20.0) -> Any:
    async def play() -> Any:
        return await scene(Decider(engine, patience_seconds=patience_seconds))

    return asyncio.run(play())


async def _while_held(engine: Engine, lane: Decider, names: list[str]) -> list[asyncio.Task[list[Result]]]:
    """One call is being decided, the others of these names wait behind it."""
    engine.may_go.clear()
    engine.has_begun.clear()
    first = asyncio.create_task(lane.decide([arrival_of("first")]))
    await asyncio.to_thread(engine.has_begun.wait, 20)
    others = [asyncio.create_task(lane.decide([arrival_of(name)])) for name in names]
    await asyncio.sleep(0)
    return [first, *others]


def test_what_comes_during_a_batch_is_decided_together_with_the_next(engine):
    async def scene(lane: Decider) -> list[list[Result]]:
        tasks = await _while_held(engine, lane, ["a", "b", "c"])
        engine.may_go.set()
        return await asyncio.gather(*tasks)

    answers = run(engine, scene)

    assert engine.batches == [["first"], ["a", "b", "c"]]
    assert [one.arrival.transaction.transaction_id for (one,) in answers] == ["first", "a", "b", "c"]


def test_all_batches_run_in_one_thread_that_is_not_the_callers(engine):
    async def scene(lane: Decider) -> None:
        for name in "abc":
            await lane.decide([arrival_of(name)])

    run(engine, scene)

    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads


def test_a_batch_stays_small_enough_to_wait_for(engine):
    async def scene(lane: Decider) -> None:
        tasks = await _while_held(engine, lane, [f"t{number}" for number in range(2 * MAX_BATCH + 1)])
        engine.may_go.set()
        await asyncio.gather(*tasks)

    run(engine, scene)

    assert [len(batch) for batch in engine.batches] == [1, MAX_BATCH, MAX_BATCH, 1]


def test_the_same_payment_twice_at_once_is_in_progress(engine):
    async def scene(lane: Decider) -> None:
        (first,) = await _while_held(engine, lane, [])
        with pytest.raises(InProgressError):
            await lane.decide([arrival_of("first")])
        engine.may_go.set()
        await first
        # And not for ever.
        await lane.decide([arrival_of("first")])

    run(engine, scene)

    assert engine.batches == [["first"], ["first"]]


def test_a_payment_that_cannot_be_decided_costs_its_neighbours_few_batches(engine):
    names = [f"t{number:02}" for number in range(MAX_BATCH)]
    engine.poison = {"t40"}

    async def scene(lane: Decider) -> list[Any]:
        tasks = await _while_held(engine, lane, names)
        engine.may_go.set()
        return await asyncio.gather(*tasks)

    answers = run(engine, scene)

    assert [name for one in answers for name in names_of(one)] == [
        "first", *(name if name != "t40" else "t40 cannot be decided" for name in names)
    ]  # fmt: skip
    # The first, all together, and two a halving.
    assert len(engine.batches) == 2 + 2 * 6


def test_who_gave_up_during_the_search_for_such_a_payment_is_left_out(engine):
    engine.poison = {"b"}

    async def scene(lane: Decider) -> None:
        tasks = await _while_held(engine, lane, ["a", "b", "c", "d"])
        for given_up in tasks[3:]:
            given_up.cancel()
        await asyncio.sleep(0)
        engine.may_go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not lane.is_under_way("c")
        assert await lane.decide([arrival_of("c")])

    run(engine, scene)

    assert engine.batches == [["first"], ["a", "b"], ["a"], ["b"], ["c"]]


def test_a_payment_that_is_sent_again_during_the_search_is_under_way_until_it_is_decided(engine):
    engine.poison = {"b"}
    may_go = threading.Event()

    def held_the_second_time(arrivals) -> list[Result]:
        if engine.batches.count(["a"]) == 1 and arrivals[0].transaction.transaction_id == "a":
            assert may_go.wait(20)
        return engine(arrivals)

    async def scene(lane: Decider) -> None:
        tasks = await _while_held(engine, lane, ["a", "b"])
        lane._decide_now = held_the_second_time
        engine.may_go.set()
        assert names_of(await tasks[1]) == ["a"]
        again = asyncio.create_task(lane.decide([arrival_of("a")]))
        # The payment is found, and the batch it was in is over.
        await asyncio.gather(*tasks)
        assert lane.is_under_way("a")
        may_go.set()
        assert names_of(await again) == ["a"]
        assert not lane.is_under_way("a")

    run(engine, scene)


def test_an_iterator_that_ends_too_early_does_not_stop_the_lane(engine):
    async def scene(lane: Decider) -> None:
        lane._decide_now = lambda arrivals: next(iter([]))
        (undecided,) = await lane.decide([arrival_of("a")])
        assert isinstance(undecided.error, RuntimeError)
        lane._decide_now = engine
        assert names_of(await lane.decide([arrival_of("a")])) == ["a"]

    run(engine, scene)


def test_a_payment_that_cannot_be_decided_does_not_sink_its_neighbours(engine):
    engine.poison = {"b"}

    async def scene(lane: Decider) -> list[Any]:
        tasks = await _while_held(engine, lane, ["a", "b", "c"])
        engine.may_go.set()
        return await asyncio.gather(*tasks)

    first, a, b, c = run(engine, scene)

    assert [names_of(one) for one in (first, a, b, c)] == [["first"], ["a"], ["b cannot be decided"], ["c"]]


def names_of(outcomes: list[Outcome]) -> list[str]:
    """The payment that was decided, or why it was not."""
    return [
        str(one.error) if isinstance(one, Undecided) else one.arrival.transaction.transaction_id for one in outcomes
    ]


def decide_at_once(names: list[str]) -> Callable[[Decider], Coroutine[Any, Any, list[Outcome]]]:
    return lambda lane: lane.decide([arrival_of(name) for name in names])


def test_of_the_payments_of_one_caller_all_are_decided_that_can_be(engine):
    engine.poison = {"t1", "t6"}

    outcomes = run(engine, decide_at_once([f"t{number}" for number in range(8)]))

    assert names_of(outcomes) == [
        "t0", "t1 cannot be decided", "t2", "t3", "t4", "t5", "t6 cannot be decided", "t7",
    ]  # fmt: skip


def test_the_payment_that_cannot_be_decided_is_found_in_few_batches(engine):
    names = [f"t{number:02}" for number in range(MAX_BATCH)]
    engine.poison = {"t40"}

    outcomes = run(engine, decide_at_once(names))

    assert names_of(outcomes) == [name if name != "t40" else "t40 cannot be decided" for name in names]
    assert len(engine.batches) == 1 + 2 * 6


def test_a_database_that_fails_meanwhile_leaves_what_is_decided(engine):
    engine.poison, engine.outages = {"d"}, [ValueError("d"), OperationalError("gone")]

    outcomes = run(engine, decide_at_once(["a", "b", "c", "d"]))

    assert names_of(outcomes) == ["a", "b", "gone", "gone"]


def test_nothing_more_is_decided_for_a_caller_who_went_away(engine):
    engine.poison = {"a"}

    async def scene(lane: Decider) -> None:
        engine.may_go.clear()
        waiting = asyncio.create_task(lane.decide([arrival_of(name) for name in "abcd"]))
        await asyncio.to_thread(engine.has_begun.wait, 20)
        waiting.cancel()
        engine.may_go.set()
        while lane.is_under_way("a"):
            await asyncio.sleep(0.01)

    run(engine, scene)

    assert engine.batches == [["a", "b", "c", "d"]]


def test_who_waits_too_long_is_told_and_what_was_not_begun_is_left_out(engine):
    async def scene(lane: Decider) -> None:
        tasks = await _while_held(engine, lane, ["late"])
        for task in tasks:
            with pytest.raises(OverloadedError):
                await task
        engine.may_go.set()
        while lane.is_under_way("late"):
            await asyncio.sleep(0.01)
        await lane.decide([arrival_of("next")])

    run(engine, scene, patience_seconds=0.2)

    assert engine.batches == [["first"], ["next"]]


def test_while_a_batch_hangs_new_callers_are_refused_at_once(engine):
    async def scene(lane: Decider) -> None:
        (first,) = await _while_held(engine, lane, [])
        with pytest.raises(OverloadedError):
            await first
        with pytest.raises(OverloadedError):
            await lane.decide([arrival_of("next")])
        assert not lane.is_under_way("next")
        engine.may_go.set()

    run(engine, scene, patience_seconds=0.2)

    assert engine.batches == [["first"]]


def test_more_than_can_be_decided_in_time_are_refused_at_once(engine):
    async def scene(lane: Decider) -> None:
        tasks = await _while_held(engine, lane, [f"t{number}" for number in range(MAX_WAITING - 1)])
        with pytest.raises(OverloadedError):
            await lane.decide([arrival_of("one-too-many")])
        engine.may_go.set()
        await asyncio.gather(*tasks)

    run(engine, scene)

    assert sum(map(len, engine.batches)) == MAX_WAITING


@pytest.fixture
def failing(monkeypatch, db) -> list[int]:
    """A database that does not answer, and how often it was asked."""
    asked: list[int] = []

    def fail(arrivals, *, writer):
        asked.append(len(arrivals))
        raise OperationalError("gone")

    monkeypatch.setattr(decider, "decide_transactions", fail)
    decider.forget_outages()
    yield asked
    decider.forget_outages()


def test_a_database_that_keeps_failing_is_not_asked_for_a_while(failing):
    for _ in range(5):
        with pytest.raises(OperationalError):
            decider.decide_for_callers([arrival_of("a")])

    assert failing == [1, 1]


def test_payments_that_others_keep_deciding_are_no_failure_of_the_database(monkeypatch, db):
    def contend(arrivals, *, writer):
        raise ContendedError("always")

    decider.forget_outages()
    monkeypatch.setattr(decider, "decide_transactions", contend)
    for _ in range(5):
        with pytest.raises(ContendedError):
            decider.decide_for_callers([arrival_of("a")])
