"""Decided payments a second on a backlog, and the time through the stream at a steady rate."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import psycopg
from django.conf import settings

from bench import processor, rig
from bench.rig import STREAM_WORKER, TASK_WORKER, WARM_UP_SECONDS, process, wait_for
from streams.connect import connect_publisher, connect_source
from streams.simulator import World, encode, payments
from streams.source import DECISIONS, START, TRANSACTIONS

Record = tuple[str, bytes]
CHUNK = 1000
STEADY_RATE, STEADY_TOTAL = 1000, 20_000
TICK_SECONDS = 0.005


class Traffic:
    """Payments of the world whose history was learnt from, one after the other at the cards' own pace."""

    def __init__(self, start: datetime) -> None:
        self._events = payments(World(**rig.WORLD), start)

    def take(self, count: int) -> list[Record]:
        """The next payments, ready to produce.

        Raises:
            ValueError: they would lie in the future.
        """
        taken = [event.record for event in islice(self._events, count)]
        if str(taken[-1]["occurred_at"]) > datetime.now(UTC).isoformat():
            raise ValueError("the traffic reaches into the future: begin it earlier")
        return [(str(record["card_id"]), encode(record)) for record in taken]


def of_cards(records: Sequence[Record], cards: int) -> list[Record]:
    """The same payments by cards drawn at random among so many."""
    drawn = np.random.default_rng(cards).integers(0, cards, len(records)).tolist()
    return [
        (name := f"card-{number:06d}", body.replace(key.encode(), name.encode(), 1))
        for number, (key, body) in zip(drawn, records, strict=True)
    ]


def produce(backlog: Sequence[Record]) -> None:
    publisher = connect_publisher()
    for start in range(0, len(backlog), CHUNK):
        publisher.publish(TRANSACTIONS, backlog[start : start + CHUNK])
    publisher.close()


@contextmanager
def running(workers: int, warm_up: Sequence[Record]) -> Iterator[psycopg.Connection[Any]]:
    """Stream workers and the relay, warm; a connection to look with."""
    with ExitStack() as stack:
        for number in range(workers):
            stack.enter_context(process(*STREAM_WORKER, "-n", f"stream{number}@%h"))
        stack.enter_context(process(*TASK_WORKER))
        db = stack.enter_context(psycopg.connect(settings.DATABASE_URL, autocommit=True))
        drain_to_end(db, warm_up)
        wait_for(lambda: _readers(db) == workers, seconds=WARM_UP_SECONDS)
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


@dataclass(frozen=True)
class Steady:
    """What went through at a steady rate: when each id was produced, and the seconds until its decision was there."""

    produced: dict[str, float]
    waits: list[float]


def latency(steady: Sequence[Record]) -> dict[str, float]:
    """Milliseconds from produced to decision published, at a steady rate, by the broker's clock at both ends."""
    return {**percentiles(produce_and_wait(steady).waits), "rate": STEADY_RATE}


def percentiles(waits: Sequence[float]) -> dict[str, float]:
    """Of seconds, in milliseconds."""
    p50, p95, p99 = np.percentile(np.array(waits) * 1000, [50, 95, 99])
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "p99_ms": round(float(p99), 1)}


def produce_and_wait(steady: Sequence[Record]) -> Steady:
    """Produce at the steady rate, and read the decisions until all are there."""
    source = connect_source(DECISIONS)
    ends = {partition.name: START for partition in source.partitions()}
    while messages := source.read(ends, limit=10_000, wait_seconds=0.05):
        ends.update((message.partition, message.position) for message in messages)
    produced = _produce_steadily(steady)
    open_ids = dict(produced)
    waits: list[float] = []
    deadline = time.monotonic() + 60
    while open_ids and time.monotonic() < deadline:
        for message in source.read(ends, limit=5000, wait_seconds=0.2):
            ends[message.partition] = message.position
            at = open_ids.pop(_id_of(message.body), None)
            if at is not None:
                waits.append(message.produced_at - at)
    source.close()
    return Steady(produced, waits)


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


def _readers(db: psycopg.Connection[Any]) -> int:
    """Workers that have their share of the payments' partitions."""
    query = "SELECT count(DISTINCT owner) FROM streams_streamprogress WHERE stream = %s AND owner <> ''"
    row = db.execute(query, [TRANSACTIONS]).fetchone()
    return int(row[0]) if row else 0


def flagged_share(db: psycopg.Connection[Any]) -> float:
    """Of the payments that came by stream."""
    query = "SELECT avg((outcome <> 'approve')::int) FROM scoring_decision WHERE source LIKE 'stream:%'"
    row = db.execute(query).fetchone()
    return round(float(row[0]), 4) if row else 0.0


def _outbox(db: psycopg.Connection[Any]) -> int:
    row = db.execute("SELECT count(*) FROM scoring_outbox").fetchone()
    return int(row[0]) if row else 0
