"""The parts of the hot path alone, on the same bytes in the same run: what each allows at most."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import connection, transaction

from bench.stream import records
from scoring.features.events import Payment
from scoring.features.live import MemoryStore, Pending, StateStore
from scoring.services.models import champion
from scoring.services.store import batch_store
from scoring.transaction import decode, encode

BATCH, BATCHES = 500, 20


def limits() -> dict[str, float]:
    """Payments a second each part reaches by itself, one process."""
    now = datetime.now(UTC)
    bodies = [body for _, body in records(BATCH * BATCHES, seed=21)]
    transactions = [decode(body, received_at=now) for body in bodies]
    chunks = [
        [Payment(one, now) for one in transactions[start : start + BATCH]]
        for start in range(0, len(transactions), BATCH)
    ]
    memory, valkey, model = MemoryStore(), batch_store(), champion()
    vectors = [Pending(memory, chunk).vectors for chunk in chunks]
    found = {
        "decode": _rate(lambda: [decode(body, received_at=now) for body in bodies]),
        "features_computed": _rate(lambda: [Pending(memory, chunk) for chunk in chunks]),
        "features_with_valkey": _rate(lambda: _through(valkey, chunks)),
        "copy": _rate(lambda: _copy([(one.transaction_id, encode(one).decode(), b"x" * 164) for one in transactions])),
    }
    if model is not None:
        found["model"] = _rate(lambda: [model.score(batch) for batch in vectors])
    return {name: round(rate) for name, rate in found.items()}


def _through(store: StateStore, chunks: list[list[Payment]]) -> None:
    for chunk in chunks:
        Pending(store, chunk).write()


def _rate(work: Callable[[], object]) -> float:
    work()
    began = time.perf_counter()
    work()
    return BATCH * BATCHES / (time.perf_counter() - began)


def _copy(rows: list[tuple[str, str, bytes]]) -> None:
    """Rows of about the width of a decision into a table without indexes, synced as in production."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_copy (id text, record jsonb, features bytea)")
        for start in range(0, len(rows), BATCH):
            with transaction.atomic(), cursor.copy("COPY bench_copy FROM STDIN") as copy:
                for row in rows[start : start + BATCH]:
                    copy.write_row(row)
