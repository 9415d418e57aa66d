"""A stream in memory, workers on it, and the ledger they leave."""

import json
from typing import Any

from cases.models import Alert
from scoring.features.live import MemoryStore, Pending
from scoring.models import Decision, Outbox
from scoring.queries import payments_between
from scoring.services.features import settle_features
from streams.models import DeadLetter
from streams.pipeline import LabelsPipeline, Pipeline, TransactionsPipeline
from streams.source import TRANSACTIONS, Source
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of


def send(stream: MemoryStream, *bodies: bytes, topic: str = TRANSACTIONS, key: str = "card-1") -> None:
    stream.publish(topic, [(key, body) for body in bodies])


def payments(count: int, **overrides: Any) -> list[bytes]:
    return [body_of(**overrides) for _ in range(count)]


def label_body(**overrides: Any) -> bytes:
    said = {
        "transaction_id": "x", "label": "fraud", "source": "chargeback", "known_at": "2026-11-20T12:00:00Z",
    }  # fmt: skip
    return json.dumps(said | overrides).encode()


def worker_on(source: Source, store: MemoryStore, owner: str = "worker") -> TransactionsPipeline:
    return TransactionsPipeline(source, owner=owner, store=store, progress=lambda done, total: None)


def drain(pipeline: Pipeline) -> int:
    """Handle all that is there; the number of messages."""
    total = 0
    while count := pipeline.step(wait_seconds=0.0):
        total += count
    return total


def run(stream: MemoryStream, store: MemoryStore) -> int:
    """A worker that starts, handles what is there, and goes."""
    worker = worker_on(stream, store)
    total = drain(worker)
    worker.release()
    return total


def run_labels(stream: MemoryStream) -> int:
    worker = LabelsPipeline(stream, owner="worker")
    total = drain(worker)
    worker.release()
    return total


def features(store: MemoryStore) -> dict[str, bytes]:
    """The states without their counts of writes, once nothing is left to store."""
    settle_features("", store=store)
    return _without_counts(store)


def _without_counts(store: MemoryStore) -> dict[str, bytes]:
    return {key: state[8:] for key, state in store.states.items()}


def features_of_the_record() -> dict[str, bytes]:
    """The states that applying the record once gives."""
    fresh = MemoryStore()
    Pending(fresh, [payment for _, payment in payments_between(1, 10**9)]).write()
    return _without_counts(fresh)


def assert_exact(store: MemoryStore) -> None:
    """Each payment was decided with what came before it, and each is counted once."""
    recorded = [payment for _, payment in payments_between(1, 10**9)]
    seen = Decision.objects.order_by("id").values_list("features", flat=True)
    for vector, decided_with in zip(Pending(MemoryStore(), recorded).vectors, seen, strict=True):
        assert bytes(decided_with) == vector.tobytes()
    assert features(store) == features_of_the_record()


def ledger(store: MemoryStore) -> dict[str, object]:
    """All that must not change when something arrives twice."""
    return {
        "decisions": list(Decision.objects.order_by("id").values()),
        "effects": list(Outbox.objects.order_by("id").values()),
        "letters": list(DeadLetter.objects.order_by("id").values()),
        "alerts": list(Alert.objects.values_list("decision_id", flat=True)),
        "features": features(store),
    }


def sent_out(published: MemoryStream, topic: str) -> list[dict]:
    return [json.loads(body) for (name, _), log in published.logs.items() if name == topic for body in log]
