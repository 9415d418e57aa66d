"""Callers share batches: what comes during one is decided with the next, and each gets its own answer."""

import asyncio
import threading

import pytest
from django.db import OperationalError

from scoring.services import decider
from scoring.services.decider import MAX_BATCH, MAX_WAITING, Decider, InProgressError, OverloadedError
from scoring.services.decisions import ContendedError, Result
from tests.scoring.decider_world import arrival_of, names_of, run, while_held


def test_what_comes_during_a_batch_is_decided_together_with_the_next(engine):
    async def scene(lane: Decider) -> list[list[Result]]:
        tasks = await while_held(engine, lane, ["a", "b", "c"])
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
        tasks = await while_held(engine, lane, [f"t{number}" for number in range(2 * MAX_BATCH + 1)])
        engine.may_go.set()
        await asyncio.gather(*tasks)

    run(engine, scene)

    assert [len(batch) for batch in engine.batches] == [1, MAX_BATCH, MAX_BATCH, 1]


def test_the_same_payment_twice_at_once_is_in_progress(engine):
    async def scene(lane: Decider) -> None:
        (first,) = await while_held(engine, lane, [])
        with pytest.raises(InProgressError):
            await lane.decide([arrival_of("first")])
        engine.may_go.set()
        await first
        # And not for ever.
        await lane.decide([arrival_of("first")])

    run(engine, scene)

    assert engine.batches == [["first"], ["first"]]


def test_an_iterator_that_ends_too_early_does_not_stop_the_lane(engine):
    async def scene(lane: Decider) -> None:
        lane._decide_now = lambda arrivals: next(iter([]))
        (undecided,) = await lane.decide([arrival_of("a")])
        assert isinstance(undecided.error, RuntimeError)
        lane._decide_now = engine
        assert names_of(await lane.decide([arrival_of("a")])) == ["a"]

    run(engine, scene)


def test_who_waits_too_long_is_told_and_what_was_not_begun_is_left_out(engine):
    async def scene(lane: Decider) -> None:
        tasks = await while_held(engine, lane, ["late"])
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
        (first,) = await while_held(engine, lane, [])
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
        tasks = await while_held(engine, lane, [f"t{number}" for number in range(MAX_WAITING - 1)])
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
