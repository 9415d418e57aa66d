"""A stream, a feature store, and what the relay sends out, all in memory."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from scoring.features.live import MemoryStore
from streams import outbox
from streams.source import DECISIONS
from tests.memory_stream import MemoryStream
from tests.scoring.payments import publish
from tests.streams.webhook_receiver import Receiver, receiver


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


@pytest.fixture
def shop(settings) -> Iterator[Receiver]:
    """A receiver of webhooks on this machine, which may be sent to."""
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.1/32")]
    with receiver() as made:
        yield made
