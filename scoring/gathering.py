"""Asking for several callers at once: what comes while an answer is under way is asked together, next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
_Asked = list[tuple[Question, asyncio.Future[Answer]]]


class NotAnsweredError(TimeoutError):
    """The round ended before it was answered: it was cancelled."""


class Gathering(Generic[Question, Answer]):
    """Questions of one event loop, in their order, in as few rounds as their answers allow.

    ask: answers several, one answer each in their order; what it raises is raised to each who asked. Nobody waits for
    a round that is over.
    """

    def __init__(self, ask: Callable[[list[Question]], Awaitable[list[Answer]]]) -> None:
        self._ask = ask
        self._waiting: _Asked[Question, Answer] = []
        self._round: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to one question.

        Raises:
            NotAnsweredError: nobody answers it any more.
            ValueError: there were fewer answers than questions, or more.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._round is None:
            self._round = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                await self._answer(asked)
        finally:
            self._round = None
            left, self._waiting = self._waiting, []
            _fail(left, NotAnsweredError())

    async def _answer(self, asked: _Asked[Question, Answer]) -> None:
        try:
            answers = await self._ask([question for question, _ in asked])
            if len(answers) != len(asked):
                raise ValueError(f"{len(answers)} answers to {len(asked)} questions")
            for (_, answer), found in zip(asked, answers, strict=True):
                # Who was cancelled meanwhile waits for nothing.
                if not answer.done():
                    answer.set_result(found)
        except Exception as error:
            _fail(asked, error)
        finally:
            _fail(asked, NotAnsweredError())


def _fail(asked: _Asked[Question, Answer], error: Exception) -> None:
    for _, answer in asked:
        if not answer.done():
            answer.set_exception(error)
