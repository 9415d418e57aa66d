"""Questions of several callers are answered in rounds, each its own."""

import asyncio

import pytest

from scoring.gathering import Gathering, NotAnsweredError
from tests.event_loop import in_event_loop


class Oracle:
    """Answers with ten times the question, once it may."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def __call__(self, questions: list[int]) -> list[int]:
        self.rounds.append(questions)
        await self.may_answer.wait()
        if 13 in questions:
            raise ValueError("not this one")
        return [10 * question for question in questions]


async def asked(gathering: Gathering[int, int], *questions: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(gathering.ask(question)) for question in questions]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


@in_event_loop
async def test_what_comes_while_an_answer_is_under_way_is_asked_together_next():
    oracle = Oracle()
    gathering = Gathering(oracle)

    tasks = await asked(gathering, 1) + await asked(gathering, 2, 3) + await asked(gathering, 4)
    oracle.may_answer.set()

    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
    assert oracle.rounds == [[1], [2, 3, 4]]


@in_event_loop
async def test_an_error_is_told_to_each_of_its_round_and_the_next_round_is_asked():
    oracle = Oracle()
    gathering = Gathering(oracle)

    tasks = await asked(gathering, 1) + await asked(gathering, 13, 3)
    oracle.may_answer.set()

    first, *failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert first == 10
    assert [str(one) for one in failed] == ["not this one"] * 2
    assert await gathering.ask(5) == 50


@in_event_loop
async def test_who_no_longer_waits_holds_nobody_up():
    oracle = Oracle()
    gathering = Gathering(oracle)

    gone, stays = await asked(gathering, 1, 2)
    gone.cancel()
    oracle.may_answer.set()

    assert await stays == 20
    with pytest.raises(asyncio.CancelledError):
        await gone


@in_event_loop
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_wrong_number_of_answers_is_an_error_for_each_who_asked(count):
    async def answer(questions: list[int]) -> list[int]:
        return [10] * (count if len(questions) == 2 else len(questions))

    gathering = Gathering(answer)

    found = await asyncio.gather(*await asked(gathering, 1, 2), return_exceptions=True)

    assert [str(one) for one in found] == [f"{count} answers to 2 questions"] * 2
    assert await gathering.ask(5) == 10


@in_event_loop
async def test_nobody_waits_for_a_round_that_was_cancelled():
    asking = []

    async def answer(questions: list[int]) -> list[int]:
        if 1 in questions:
            asking.append(asyncio.current_task())
            await asyncio.Event().wait()
        return questions

    gathering = Gathering(answer)
    tasks = await asked(gathering, 1, 2) + await asked(gathering, 3)
    asking[0].cancel()

    found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=5)

    assert [type(one) for one in found] == [NotAnsweredError] * 3
    assert await gathering.ask(5) == 5
