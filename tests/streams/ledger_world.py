"""A log, a worker with its relay, what they publish, and the ledger check over all of it."""

import json
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from scoring.features.live import MemoryStore
from streams import outbox
from streams.ledger import check as ledger
from streams.outbox import relay_outbox
from streams.source import DECISIONS, TRANSACTIONS
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of, publish
from tests.streams.flow import drain, worker_on

BIG = {"amount": 9000}


class World:
    """A log, what is published, and a worker with its relay."""

    def __init__(self, monkeypatch) -> None:
        self.log, self.out = MemoryStream(partitions=2), MemoryStream(DECISIONS, partitions=2)
        self.store = MemoryStore()
        for stream in (self.log, self.out):
            monkeypatch.setattr(stream, "close", lambda: None)
        monkeypatch.setattr(ledger, "connect_source", {TRANSACTIONS: self.log, DECISIONS: self.out}.__getitem__)
        monkeypatch.setattr(outbox, "_publisher", lambda: self.out)
        monkeypatch.setattr(ledger, "batch_store", lambda: self.store)

    def send(self, *bodies: bytes) -> None:
        self.log.publish(TRANSACTIONS, [("card-1", body) for body in bodies])

    def work(self) -> None:
        drain(worker_on(self.log, self.store))
        relay_outbox()

    def published(self) -> list[tuple[str, str]]:
        """Where what was published lies."""
        return [place for place in self.out.logs if place[0] == DECISIONS and self.out.logs[place]]


def a_day_of_work(monkeypatch) -> World:
    """Two good payments, one of them large, a broken record, and an id that comes with other content."""
    publish()
    world = World(monkeypatch)
    world.send(body_of(), body_of(**BIG), b"bad", body_of(transaction_id="x"), body_of(transaction_id="x", amount="7"))
    world.work()
    return world


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and the checks by letter."""
    out, code = StringIO(), 0
    try:
        call_command("verify_ledger", *arguments, "--json", stdout=out)
    except CommandError as error:
        code = error.returncode
    return code, {check["invariant"]: check for check in json.loads(out.getvalue() or "[]")}


def broken(*arguments: str) -> str:
    """Letters of the invariants that do not hold."""
    return "".join(letter for letter, check in run(*arguments)[1].items() if check["standing"] == "broken")
