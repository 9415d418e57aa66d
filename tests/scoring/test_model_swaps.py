"""Champion and challenger change while calls and the stream decide: no error, no decision by parts of two models."""

import threading
import time
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection

from scoring.features.live import MemoryStore
from scoring.models import Decision
from scoring.services import line_up as service
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.model_stages import end_challenger, promote_model, set_challenger
from scoring.services.reproduction import reproduce
from tests.factories import NOON, make_user
from tests.scoring.model_world import make_champion, make_model
from tests.scoring.payments import arrive, make_payment, publish

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 10.0


class Deciding(threading.Thread):
    """Decides payments of new cards, `size` at a time, until it is told to stop; `failure`: what ended it before."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self._writer, self._size = Writer(name, MemoryStore()), size
        self.over, self.failure = threading.Event(), ""

    def run(self) -> None:
        turn = 0
        try:
            while not self.over.is_set():
                decide_transactions([self._payment(turn, i) for i in range(self._size)], writer=self._writer)
                turn += 1
        except Exception as error:
            self.failure = repr(error)
        finally:
            connection.close()

    def _payment(self, turn: int, number: int):
        name = self._writer.name
        payment = make_payment(card_id=f"{name}-{turn}-{number}", amount=Decimal(2 + 3 * ((turn + number) % 40)))
        return arrive(payment, source=name)


def swap(manager: User) -> int:
    """Another champion each second, and a challenger for half of it; how often."""
    swaps, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        promote_model(f"m-{swaps % 2}")
        set_challenger("m-3", 0.5, by=manager, at=NOON)
        time.sleep(0.5)
        end_challenger("m-3", reason="enough", by=manager, at=NOON)
        time.sleep(0.5)
        swaps += 1
    return swaps


def test_models_are_swapped_every_second_under_load(monkeypatch):
    monkeypatch.setattr(service, "RECHECK_SECONDS", 0.1)
    publish(review=0.5, decline=0.9)
    make_champion("m-0")
    make_model("m-1", seed=1)
    make_model("m-3", seed=3)
    load = [Deciding("stream:x", 16), Deciding("api", 1)]
    for one in load:
        one.start()

    swaps = swap(make_user("manager"))
    for one in load:
        one.over.set()
        one.join(60)

    assert swaps > 1
    assert [one.failure for one in load] == ["", ""]
    decided = list(Decision.objects.order_by("id"))
    assert {one.model_version for one in decided} == {"m-0", "m-1", "m-3"}
    assert {one.source for one in decided} == {"stream:x", "api"}
    assert [one.transaction_id for one in reproduce(decided) if not one.same] == []
    assert not any(one.degraded for one in decided)
