"""A payment that cannot be decided is searched for in its batch, and the others are decided."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from django.db import OperationalError

from scoring.services.decider import MAX_BATCH, Decider, Outcome
from scoring.services.decisions import Result
from tests.scoring.decider_world import arrival_of, names_of, run, while_held


def test_a_payment_that_cannot_be_decided_does_not_sink_its_neighbours(engine):
    engine.poison = {"b"}

    async def scene(lane: Decider) -> list[Any]:
        tasks = await while_held(engine, lane, ["a", "b", "c"])
        engine.may_go.set()
        return await asyncio.gather(*tasks)

    first, a, b, c = run(engine, scene)

    assert [names_of(one) for one in (first, a, b, c)] == [["first"], ["a"], ["b cannot be decided"], ["c"]]


def test_a_payment_that_cannot_be_decided_costs_its_neighbours_few_batches(engine):
    names = [f"t{number:02}" for number in range(MAX_BATCH)]
    engine.poison = {"t40"}

    async def scene(lane: Decider) -> list[Any]:
        tasks = await while_held(engine, lane, names)
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
        tasks = await while_held(engine, lane, ["a", "b", "c", "d"])
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
        tasks = await while_held(engine, lane, ["a", "b"])
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
