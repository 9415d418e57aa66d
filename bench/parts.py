"""The parts of the hot path alone, on the same payments in the same run: what each allows at most, in one process."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now
from numpy.typing import NDArray

from bench.rules import rules
from bench.stream import Traffic
from scoring.features.events import Payment, encode_events
from scoring.features.live import MemoryStore, Pending, StateStore, StateWrite
from scoring.queries import RecordedDecision
from scoring.queries_lists import list_hits
from scoring.rules.evaluation import Batch, CompiledRule, ask_rules
from scoring.rules.language import compile_condition
from scoring.services.models import champion
from scoring.services.recording import Arrival, copy_decisions
from scoring.services.store import batch_store
from scoring.transaction import Transaction, decode

# As many as the stream takes at once.
BATCH, BATCHES = settings.STREAM_BATCH_SIZE, 5
TOTAL = BATCH * BATCHES


def limits(traffic: Traffic, rule_count: int) -> dict[str, int]:
    """Payments a second each part reaches by itself."""
    received_at = datetime.now(UTC)
    bodies = [body for _, body in traffic.take(BATCH * BATCHES)]
    transactions = [decode(body, received_at=received_at) for body in bodies]
    chunks = [transactions[start : start + BATCH] for start in range(0, len(transactions), BATCH)]
    payments = [[Payment(one, received_at) for one in chunk] for chunk in chunks]
    memory, store = MemoryStore(), batch_store()
    for chunk in payments:
        Pending(store, chunk).write()
    keys_of = [encode_events(chunk).keys for chunk in payments]
    vectors = [Pending(memory, chunk).vectors for chunk in payments]
    compiled = [
        CompiledRule(rule.code, compile_condition(rule.expression), rule.outcome, rule.words)
        for rule in rules(rule_count)
    ]
    model = champion()
    assert model is not None
    scores = [model.score(batch) for batch in vectors]
    parts = list(zip(chunks, vectors, scores, strict=True))
    at = [received_at] * BATCH
    found = {
        "decode": _rate(lambda: [decode(body, received_at=received_at) for body in bodies]),
        "features_computed": _rate(lambda: [Pending(memory, chunk) for chunk in payments]),
        "valkey_read_and_write": _rate(lambda: _through(store, keys_of)),
        "model": _rate(lambda: [model.score(batch) for batch in vectors]),
        "rules": _rate(lambda: [ask_rules(compiled, Batch(*part, listed={}, at=at)) for part in parts]),
        "lists": _rate(lambda: [list_hits(chunk, at=now()) for chunk in chunks]),
    }
    found["copy"] = BATCH * BATCHES / min(_copy(transactions, vectors) for _ in range(2))
    return {name: round(rate) for name, rate in found.items()}


def _through(store: StateStore, keys_of: Sequence[Sequence[str]]) -> None:
    """The states of each batch read and written back as they are."""
    for keys in keys_of:
        generation, states = store.read(keys)
        known = [state or b"" for state in states]
        store.write(StateWrite(generation, keys, [state[:8] for state in known], known))


def _rate(work: Callable[[], object]) -> float:
    """Payments a second at best: some milliseconds are easily disturbed."""
    work()
    return BATCH * BATCHES / min(_seconds(work) for _ in range(3))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _copy(transactions: Sequence[Transaction], vectors: Sequence[NDArray[np.float32]]) -> float:
    """Seconds for the same rows into the same table with its indexes, synced as in production; then removed."""
    received_at = now()
    arrivals = [Arrival(one, received_at, "bench") for one in transactions]
    recorded = [
        RecordedDecision(
            transaction_id=one.transaction_id, outcome="approve", score=0.01, anomaly_score=None, reasons=[],
            rule_hits=[], rule_failures=[], model_version="bench", policy_version=1,
            decided_at=received_at, latency_ms=1.0, degraded=[], card_id=one.card_id,
        )
        for one in transactions
    ]  # fmt: skip
    began = time.perf_counter()
    for number, batch in enumerate(vectors):
        rows = slice(number * BATCH, (number + 1) * BATCH)
        with transaction.atomic():
            copy_decisions(arrivals[rows], batch, recorded[rows])
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM scoring_decision WHERE source = 'bench'")
    return seconds
