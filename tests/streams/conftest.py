"""A stream, a feature store, and what the relay sends out, all in memory."""

import pytest

from scoring.features.live import MemoryStore
from streams import outbox
from streams.source import DECISIONS
from tests.memory_stream import MemoryStream
from tests.scoring.payments import publish


@pytest.fixture
def policy(db) -> None:
    publish()


@pytest.fixture
def stream() -> MemoryStream:
    return MemoryStream(partitions=2)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def published(monkeypatch) -> MemoryStream:
    """What the relay sends out."""
    out = MemoryStream(DECISIONS, partitions=1)
    monkeypatch.setattr(outbox, "_publisher", lambda: out)
    return out
