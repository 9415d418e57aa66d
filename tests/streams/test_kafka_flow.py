"""The whole way on Kafka: two workers, brokers that go away, a worker that dies, and a ledger that holds."""

import logging
import time
from contextlib import closing

import pytest

from scoring.models import Outbox
from streams.connect import connect_publisher
from streams.models import StreamProgress
from streams.source import LABELS, TRANSACTIONS, StreamError
from tests.contracts.mock_kafka import MockCluster, mock_cluster
from tests.scoring.payments import publish
from tests.streams import crew as crews
from tests.streams.crew import PATIENCE_SECONDS, Crew, Record, crew, decided, simulated
from tests.streams.flow import label_body
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PARTITIONS = 4  # of the mock cluster's topics
PAYMENTS = 3_000


@pytest.fixture
def cluster(settings, monkeypatch):
    """Brokers that can be switched off, and settings that name them; it is soon noticed that they are away."""
    monkeypatch.setattr("streams.kafka._TIMEOUT_SECONDS", 2.0)
    monkeypatch.setattr("streams.kafka._SILENCE_SECONDS", 0.3)
    settings.STREAM_BATCH_SIZE = 100
    with mock_cluster() as cluster:
        settings.STREAM_URL = f"kafka://{cluster.servers}"
        settings.KAFKA_CLIENT = {"reconnect.backoff.max.ms": "100", "log_level": "0"}
        yield cluster


@pytest.fixture
def workers(cluster, monkeypatch):
    with crew(monkeypatch) as made:
        yield made


def send(stream: str, records: list[Record]) -> None:
    """As a producer does, again when no answer came in time: what is there twice is decided once."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with closing(connect_publisher()) as producer:
        while True:
            try:
                producer.publish(stream, records)
                return
            except StreamError:
                if time.monotonic() > deadline:
                    raise


def waits(caplog) -> int:
    steps = {"streams.worker", "streams.thread_step"}
    return sum("Kafka" in record.getMessage() for record in caplog.records if record.name in steps)


def outage(cluster: MockCluster, workers: Crew, caplog) -> None:
    """Brokers are away until workers have noticed it several times, while decisions wait for their topic."""
    cluster.stop_answering()
    seen = waits(caplog)
    workers.until(lambda: waits(caplog) >= seen + 6)
    assert Outbox.objects.filter(topic=Outbox.Topic.DECISIONS).exists()
    cluster.answer_again()


def test_brokers_away_and_a_dead_worker_lose_nothing_and_double_nothing(cluster, workers, caplog):
    caplog.set_level(logging.WARNING)
    publish()
    sent = simulated(PAYMENTS, seed=11)
    third = len(sent) // 3
    send(LABELS, [("x", label_body())])
    send(TRANSACTIONS, sent[:1])
    first, second = workers.start(2)
    workers.until(lambda: workers.holds(first) == workers.holds(second) == PARTITIONS / 2)

    send(TRANSACTIONS, sent[1:third])
    wait_until(lambda: decided() > third / 10)
    outage(cluster, workers, caplog)
    send(TRANSACTIONS, sent[third : 2 * third])
    workers.until(lambda: workers.holds(first) and workers.holds(second))
    first.kill_at_its_next_feature_write()
    send(TRANSACTIONS, sent[2 * third :])
    workers.until(lambda: not first.is_alive())
    held_by_the_dead = workers.holds(first)
    workers.until(lambda: decided() == PAYMENTS and not Outbox.objects.exists())

    assert held_by_the_dead > 0
    assert workers.holds(second) == PARTITIONS
    crews.assert_decided_once(sent)
    crews.assert_cards_in_the_order_of_the_log(crews.log_of(TRANSACTIONS, ids=PAYMENTS))
    crews.assert_published_once(sent)
    workers.stop()
    assert not StreamProgress.objects.exclude(owner="").exclude(owner=first.owner).exists()
    crews.assert_ledger_holds(len(sent))
