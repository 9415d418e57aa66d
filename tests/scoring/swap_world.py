"""Payments decided by two threads while champion and challenger are swapped."""

import threading
import time
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import connection

from scoring.features.live import MemoryStore
from scoring.services.decisions import Arrival, Writer, decide_transactions
from scoring.services.model_stages import end_challenger, promote_model, set_challenger
from tests.factories import NOON
from tests.scoring.model_world import make_champion, make_model
from tests.scoring.payments import arrive, make_payment


class Deciding(threading.Thread):
    """Decides payments of new cards, `size` at a time, until it is told to stop; `failure`: what ended it before."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self._writer, self._size = Writer(name, MemoryStore()), size
        self.begun, self.over, self.failure = threading.Event(), threading.Event(), ""

    def run(self) -> None:
        turn = 0
        try:
            while not self.over.is_set():
                decide_transactions([self._payment(turn, i) for i in range(self._size)], writer=self._writer)
                turn += 1
                self.begun.set()
        except Exception as error:
            self.failure = repr(error)
        finally:
            self.begun.set()
            connection.close()

    def _payment(self, turn: int, number: int) -> Arrival:
        name = self._writer.name
        payment = make_payment(card_id=f"{name}-{turn}-{number}", amount=Decimal(2 + 3 * ((turn + number) % 40)))
        return arrive(payment, source=name)


def make_three() -> None:
    """The champion m-0, and candidates m-1 and m-3."""
    make_champion("m-0")
    make_model("m-1", seed=1)
    make_model("m-3", seed=3)


def swap(manager: User, *, seconds: float, every: float) -> int:
    """Another champion each time, and a challenger for half of the time between; how often."""
    swaps, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        promote_model(f"m-{swaps % 2}")
        set_challenger("m-3", 0.5, by=manager, at=NOON)
        time.sleep(every / 2)
        end_challenger("m-3", reason="enough", by=manager, at=NOON)
        time.sleep(every / 2)
        swaps += 1
    return swaps


def swap_under_load(manager: User, *, seconds: float, every: float) -> tuple[int, list[str]]:
    """Swap while a stream's batches and single calls are decided; how often, and what ended either before."""
    load = [Deciding("stream:x", 16), Deciding("api", 1)]
    for one in load:
        one.start()
    for one in load:
        # The first payment of a process waits for the kernel to be compiled.
        one.begun.wait(300)
    swaps = swap(manager, seconds=seconds, every=every)
    for one in load:
        one.over.set()
        one.join(60)
    return swaps, [one.failure for one in load if one.failure]
