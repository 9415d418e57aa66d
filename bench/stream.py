"""Decided payments a second on a backlog, and the time through the stream at a steady rate."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from django.conf import settings

from bench import processor
from bench.rig import STREAM_WORKER, TASK_WORKER, WARM_UP_SECONDS, process, wait_for
from streams.connect import connect_publisher, connect_source
from streams.simulator import World, encode, payments
from streams.source import DECISIONS, START, TRANSACTIONS

Record = tuple[str, bytes]
CHUNK = 1000
STEADY_RATE, STEADY_SECONDS = 1000, 20
TICK_SECONDS = 0.005
CARDS = 50_000


def records(count: int, *, seed: int, cards: int = CARDS) -> list[Record]:
    """Simulated payments of the last hour, ready to produce. Ids of cards beyond CARDS are drawn at random."""
    world = World(seed=seed, cards=CARDS, merchants=2_200, payments_per_day=0.8)
    start = datetime.now(UTC) - timedelta(hours=1)
    rate = count / 3500
    drawn = np.random.default_rng(seed).integers(0, cards, count).tolist() if cards != CARDS else None
    made: list[Record] = []
    for number, event in zip(range(count), payments(world, start, rate=rate), strict=False):
        record = event.record if drawn is None else {**event.record, "card_id": f"card-{drawn[number]:06d}"}
        made.append((str(record["card_id"]), encode(record)))
    return made


def produce(backlog: Sequence[Record]) -> None:
    publisher = connect_publisher()
    for start in range(0, len(backlog), CHUNK):
        publisher.publish(TRANSACTIONS, backlog[start : start + CHUNK])
    publisher.close()


@contextmanager
def running(workers: int) -> Iterator[psycopg.Connection[Any]]:
    """Stream workers and the relay, warm; a connection to look with."""
    with ExitStack() as stack:
        for number in range(workers):
            stack.enter_context(process(*STREAM_WORKER, "-n", f"stream{number}@%h"))
        stack.enter_context(process(*TASK_WORKER))
        db = stack.enter_context(psycopg.connect(settings.DATABASE_URL, autocommit=True))
        drain_to_end(db, records(2000, seed=11))
        yield db


def drain_to_end(db: psycopg.Connection[Any], backlog: Sequence[Record]) -> dict[str, Any]:
    """Produce a backlog and wait until it is decided and published; payments a second once all of it is there.

    The workers begin while it is being written: counted is what is left by then.
    """
    before = _decided(db)
    produce(backlog)
    at_start, began, used_before = _decided(db), time.perf_counter(), processor.used()
    left = before + len(backlog) - at_start
    wait_for(lambda: _decided(db) >= before + len(backlog), seconds=WARM_UP_SECONDS + len(backlog) / 500)
    decided = time.perf_counter() - began
    wait_for(lambda: _outbox(db) == 0, seconds=600)
    published = time.perf_counter() - began
    used = processor.used() - used_before
    return {
        "decisions_per_second": round(left / decided),
        "published_per_second": round(left / published),
        "processor_us_per_payment": {role: round(seconds / left * 1e6, 1) for role, seconds in used.most_common()},
    }


def latency() -> dict[str, float]:
    """Milliseconds from produced to decision published, at a steady rate, by the broker's clock at both ends."""
    steady = records(STEADY_RATE * STEADY_SECONDS, seed=13)
    source = connect_source(DECISIONS)
    ends = {partition.name: START for partition in source.partitions()}
    while messages := source.read(ends, limit=10_000, wait_seconds=0.05):
        ends.update((message.partition, message.position) for message in messages)
    produced = _produce_steadily(steady)
    waits: list[float] = []
    deadline = time.monotonic() + 60
    while len(waits) < len(steady) and time.monotonic() < deadline:
        for message in source.read(ends, limit=5000, wait_seconds=0.2):
            ends[message.partition] = message.position
            at = produced.pop(_id_of(message.body), None)
            if at is not None:
                waits.append(message.produced_at - at)
    source.close()
    p50, p95, p99 = np.percentile(np.array(waits) * 1000, [50, 95, 99])
    return {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1), "rate": STEADY_RATE}


def _produce_steadily(steady: Sequence[Record]) -> dict[str, float]:
    """Produce in ticks of some milliseconds; when each id was handed over."""
    publisher = connect_publisher()
    produced: dict[str, float] = {}
    began, sent = time.perf_counter(), 0
    while sent < len(steady):
        due = min(len(steady), int((time.perf_counter() - began) * STEADY_RATE) + 1)
        now = time.time()
        produced.update((_id_of(body), now) for _, body in steady[sent:due])
        if due > sent:
            publisher.publish(TRANSACTIONS, steady[sent:due])
        sent = due
        time.sleep(TICK_SECONDS)
    publisher.close()
    return produced


def _id_of(body: bytes) -> str:
    return body.split(b'"transaction_id":"', 1)[1].split(b'"', 1)[0].decode()


def _decided(db: psycopg.Connection[Any]) -> int:
    """Decisions so far, by the numbers given out: counting rows would cost the machine what it measures."""
    row = db.execute("SELECT last_value FROM scoring_decision_id_seq").fetchone()
    return int(row[0]) if row else 0


def _outbox(db: psycopg.Connection[Any]) -> int:
    row = db.execute("SELECT count(*) FROM scoring_outbox").fetchone()
    return int(row[0]) if row else 0
