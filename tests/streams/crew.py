"""Stream workers as threads of this process on a real broker, one of which dies, and what they must leave."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from itertools import islice

import numpy as np
import pytest
from django.conf import settings
from django.utils.timezone import now

from scoring.features.live import ValkeyStore
from scoring.models import Decision, Outbox
from streams import outbox
from streams.connect import connect_source
from streams.models import StreamProgress
from streams.outbox import relay_outbox
from streams.simulator import World, encode, payments
from streams.source import DECISIONS, START, TRANSACTIONS
from streams.worker import StreamStep
from tests.streams.ledger_world import run

PATIENCE_SECONDS = 60.0
Record = tuple[str, bytes]


class Killed(BaseException):
    """What no code of the worker catches: its thread is gone as a process is after SIGKILL."""


class Worker(StreamStep):
    """The step `celery worker --stream` runs, which can be killed."""

    def __init__(self) -> None:
        super().__init__(None, stream=True)
        self._is_doomed = False

    @property
    def owner(self) -> str:
        return self._owner

    def _guard(self) -> None:
        with suppress(Killed):
            super()._guard()

    def kill_at_its_next_feature_write(self) -> None:
        """Between the commit of a batch and its features, where most is left to the others."""
        self._is_doomed = True

    def die_if_doomed(self) -> None:
        if self._is_doomed and threading.current_thread() is self._thread:
            raise Killed

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()


class Crew:
    """Workers of this process, and the relay, which works whenever somebody waits for something."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []

    def start(self, count: int) -> list[Worker]:
        started = [Worker() for _ in range(count)]
        self.workers += started
        for worker in started:
            worker.start(None)
        return started

    def until(self, is_true: Callable[[], object]) -> None:
        """Relay the outbox until something is true; fail when it does not become so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, state_of_the_partitions()
            relay_outbox()
            time.sleep(0.02)

    def holds(self, worker: Worker) -> int:
        return StreamProgress.objects.filter(stream=TRANSACTIONS, owner=worker.owner, finished_at=None).count()

    def stop(self) -> None:
        for worker in self.workers:
            worker.stopping.set()
        for worker in self.workers:
            worker.stop(None)


@contextmanager
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """A crew that soon tries again and whose leases soon run out; its workers have ended afterwards."""
    monkeypatch.setattr(settings, "STREAM_RENEW_SECONDS", 0.3)
    monkeypatch.setattr(settings, "STREAM_LEASE_SECONDS", 3.0)
    monkeypatch.setattr("streams.thread_step.RETRY_SECONDS", 0.2)
    monkeypatch.setattr("streams.worker.RETRY_SECONDS", 0.2)
    made = Crew()
    write = ValkeyStore.write

    def write_unless_killed(store: ValkeyStore, *arguments: object) -> object:
        for worker in made.workers:
            worker.die_if_doomed()
        return write(store, *arguments)

    monkeypatch.setattr(ValkeyStore, "write", write_unless_killed)
    outbox._publisher.cache_clear()
    try:
        yield made
    finally:
        made.stop()
        outbox._publisher().close()
        outbox._publisher.cache_clear()


def simulated(count: int, *, seed: int) -> list[Record]:
    """Payments of the last hours by card, one in ten of them sent again soon, one in forty much later."""
    world = World(seed, cards=400)
    made = islice(payments(world, now() - timedelta(hours=2), rate=1.0, fraud_rate=0.02), count)
    records = [(str(payment.record["card_id"]), encode(payment.record)) for payment in made]
    chance = np.random.default_rng(seed)
    late = [(place + int(chance.integers(300, 900)), records[place]) for place in range(0, count, 40)]
    soon = [(place + int(chance.integers(1, 5)), records[place]) for place in range(0, count, 10)]
    placed = [*enumerate(records), *soon, *late]
    return [record for _, record in sorted(placed, key=lambda one: one[0])]


def names_in(records: list[Record]) -> set[str]:
    return {json.loads(body)["transaction_id"] for _, body in records}


def decided() -> int:
    return Decision.objects.count()


def state_of_the_partitions() -> str:
    rows = StreamProgress.objects.order_by("stream", "partition").values(
        "stream", "partition", "position", "owner", "lease_until", "finished_at"
    )
    return "\n".join(map(str, [decided(), Outbox.objects.count(), *rows]))


def log_of(stream: str, *, ids: int) -> list[Record]:
    """A topic with the card of each message, partitions in their order: read on past its end once all ids came."""
    log: list[Record] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with closing(connect_source(stream)) as source:
        positions = {partition.name: START for partition in source.partitions()}
        while time.monotonic() < deadline:
            batch = source.read(positions, limit=2_000, wait_seconds=0.2)
            positions |= {message.partition: message.position for message in batch}
            log += [(json.loads(message.body)["card_id"], message.body) for message in batch]
            if not batch and len(names_in(log)) >= ids:
                break
    return log


def assert_decided_once(sent: list[Record]) -> None:
    expected = names_in(sent)
    counts = Counter(Decision.objects.values_list("transaction_id", flat=True))
    assert set(counts) == expected
    assert set(counts.values()) == {1}


def assert_published_once(sent: list[Record]) -> None:
    """Each id is on the topic `decisions`, and no two messages of it differ."""
    expected = names_in(sent)
    contents: dict[str, set[bytes]] = {}
    for _, body in log_of(DECISIONS, ids=len(expected)):
        contents.setdefault(json.loads(body)["transaction_id"], set()).add(body)
    assert set(contents) == expected
    assert {len(bodies) for bodies in contents.values()} == {1}


def assert_cards_in_the_order_of_the_log(log: list[Record]) -> None:
    """The payments of each card were decided in the order in which each is first in the log."""
    first: dict[str, dict[str, None]] = {}
    for card, body in log:
        first.setdefault(card, {})[json.loads(body)["transaction_id"]] = None
    in_order: dict[str, list[str]] = {}
    for card, name in Decision.objects.order_by("id").values_list("card_id", "transaction_id"):
        in_order.setdefault(card, []).append(name)
    assert in_order == {card: list(names) for card, names in first.items()}


def assert_ledger_holds(count: int) -> None:
    """`manage.py verify_ledger` finds no fault, and could look at everything."""
    code, checks = run()
    assert code == 0, checks
    assert {letter: check["standing"] for letter, check in checks.items()} == dict.fromkeys("ABCDEF", "holds"), checks
    assert checks["A"]["counts"]["valid records"] == count
    assert checks["F"]["counts"]["published decisions compared"] >= decided()
