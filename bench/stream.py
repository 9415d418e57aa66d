"""Decided payments a second on a backlog, and the latency through the stream at a steady rate."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from django.conf import settings

from bench.rig import STREAM_WORKER, TASK_WORKER, WARM_UP_SECONDS, process, wait_for
from streams.connect import connect_publisher
from streams.simulator import World, encode, payments
from streams.source import TRANSACTIONS

Record = tuple[str, bytes]
CHUNK = 1000
STEADY_RATE, STEADY_SECONDS = 200, 20


def records(count: int, *, seed: int) -> list[Record]:
    """Simulated payments of the last hour, ready to produce."""
    world = World(seed=seed, cards=50_000, merchants=2_200, payments_per_day=0.8)
    start = datetime.now(UTC) - timedelta(hours=1)
    events = payments(world, start, rate=count / 3500)
    return [
        (str(event.record["card_id"]), encode(event.record)) for event, _ in zip(events, range(count), strict=False)
    ]


def produce(backlog: Sequence[Record]) -> None:
    publisher = connect_publisher()
    for start in range(0, len(backlog), CHUNK):
        publisher.publish(TRANSACTIONS, backlog[start : start + CHUNK])
    publisher.close()


def drain(count: int) -> dict[str, Any]:
    """Drain a backlog with one stream worker and the relay at work; the rate once the worker decides."""
    with (
        process(*STREAM_WORKER),
        process(*TASK_WORKER),
        psycopg.connect(settings.DATABASE_URL, autocommit=True) as db,
    ):
        warm_up = records(2000, seed=11)
        produce(warm_up)
        before = _streamed(db)
        wait_for(lambda: _streamed(db) >= before + len(warm_up), seconds=WARM_UP_SECONDS)
        backlog = records(count, seed=12)
        before = _streamed(db)
        produce(backlog)
        # The worker starts while the backlog is still being written: count from here to the end.
        at_start, began = _streamed(db), time.perf_counter()
        wait_for(lambda: _streamed(db) >= before + count, seconds=600)
        seconds = time.perf_counter() - began
        decided = before + count - at_start
        wait_for(lambda: _outbox(db) == 0, seconds=600)
        relayed = time.perf_counter() - began
        return {
            "backlog": count,
            "decisions_per_second": round(decided / seconds),
            "published_per_second": round(decided / relayed),
            **_latency(db),
        }


def _latency(db: psycopg.Connection[Any]) -> dict[str, float]:
    """Produced to decided at a steady rate, by the clocks in the record."""
    steady = records(STEADY_RATE * STEADY_SECONDS, seed=13)
    produced: dict[str, float] = {}
    publisher = connect_publisher()
    began = time.perf_counter()
    for i, (key, body) in enumerate(steady):
        wait = began + i / STEADY_RATE - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        produced[_id_of(body)] = time.time()
        publisher.publish(TRANSACTIONS, [(key, body)])
    publisher.close()
    names = list(produced)
    query = "SELECT transaction_id, extract(epoch FROM created_at) FROM scoring_decision WHERE transaction_id = ANY(%s)"
    wait_for(lambda: db.execute(query, [names]).rowcount == len(names), seconds=60)
    waits = [float(at) - produced[name] for name, at in db.execute(query, [names])]
    p50, p95, p99 = np.percentile(np.array(waits) * 1000, [50, 95, 99])
    return {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1), "rate": STEADY_RATE}


def _id_of(body: bytes) -> str:
    return body.split(b'"transaction_id":"', 1)[1].split(b'"', 1)[0].decode()


def _streamed(db: psycopg.Connection[Any]) -> int:
    row = db.execute("SELECT count(*) FROM scoring_decision WHERE source LIKE 'stream:%'").fetchone()
    return int(row[0]) if row else 0


def _outbox(db: psycopg.Connection[Any]) -> int:
    row = db.execute("SELECT count(*) FROM scoring_outbox").fetchone()
    return int(row[0]) if row else 0
