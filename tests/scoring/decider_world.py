"""Calls that share batches, decided by an engine that can be held and that some payments break."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from django.utils.timezone import now

from scoring.services.decider import Decider, Outcome, Undecided
from scoring.services.decisions import Arrival, Result
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


def run(engine: Engine, scene: Callable[[Decider], Coroutine[Any, Any, Any]], *, patience_seconds: float = 20.0) -> Any:
    async def play() -> Any:
        return await scene(Decider(engine, patience_seconds=patience_seconds))

    return asyncio.run(play())


async def while_held(engine: Engine, lane: Decider, names: list[str]) -> list[asyncio.Task[list[Result]]]:
    """One call is being decided, the others of these names wait behind it."""
    engine.may_go.clear()
    engine.has_begun.clear()
    first = asyncio.create_task(lane.decide([arrival_of("first")]))
    await asyncio.to_thread(engine.has_begun.wait, 20)
    others = [asyncio.create_task(lane.decide([arrival_of(name)])) for name in names]
    await asyncio.sleep(0)
    return [first, *others]


def names_of(outcomes: list[Outcome]) -> list[str]:
    """The payment that was decided, or why it was not."""
    return [
        str(one.error) if isinstance(one, Undecided) else one.arrival.transaction.transaction_id for one in outcomes
    ]
