"""What Prometheus is told of the streams, whichever process it asks."""

import math
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F
from prometheus_client import CollectorRegistry

from scoring import metrics as scoring_metrics
from streams import metrics, timing
from streams.leases import Leases
from streams.metrics import StreamCollector
from streams.models import DeadLetter, StreamWorker
from streams.source import LABELS, TRANSACTIONS, MemoryStream, Message
from tests.streams.flow import drain, payments, send, worker_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def sample(name: str, stream: str = TRANSACTIONS) -> float | None:
    registry = CollectorRegistry()
    registry.register(StreamCollector())
    return registry.get_sample_value(name, {"stream": stream})


class DatedStream(MemoryStream):
    """Its broker says when records were produced."""

    produced_at = math.nan

    def read(self, *arguments, **named) -> list[Message]:
        return [replace(message, produced_at=self.produced_at) for message in super().read(*arguments, **named)]


def test_lag_is_what_all_live_workers_have_not_read():
    partitions = MemoryStream().partitions()
    Leases(TRANSACTIONS, owner="a").turn(partitions, lag=30, oldest_seconds=2.5)
    Leases(TRANSACTIONS, owner="b").turn(partitions, lag=12, oldest_seconds=7.0)
    Leases(LABELS, owner="a").turn(partitions, lag=1, oldest_seconds=0.0)

    assert sample("fraud_stream_workers") == 2
    assert sample("fraud_stream_lag_records") == 42
    assert sample("fraud_stream_oldest_seconds") == 7.0
    assert sample("fraud_stream_lag_records", LABELS) == 1


def test_without_a_worker_there_is_no_lag_rather_than_a_good_one():
    Leases(TRANSACTIONS, owner="a").turn(MemoryStream().partitions(), lag=30, oldest_seconds=2.5)
    StreamWorker.objects.update(seen_at=F("seen_at") - timedelta(seconds=timing.LEASE_SECONDS + 1))

    assert sample("fraud_stream_workers") == 0
    assert sample("fraud_stream_lag_records") is None
    assert sample("fraud_stream_oldest_seconds") is None


def test_a_broker_that_cannot_say_its_lag_has_none():
    Leases(TRANSACTIONS, owner="a").turn(MemoryStream().partitions(), lag=None, oldest_seconds=None)

    assert sample("fraud_stream_workers") == 1
    assert sample("fraud_stream_lag_records") is None


def test_a_worker_tells_its_lag_and_the_age_of_what_it_reads(store, settings, monkeypatch):
    monkeypatch.setattr(timing, "RENEW_SECONDS", 0.0)
    settings.STREAM_BATCH_SIZE = 2
    stream = DatedStream()
    stream.produced_at = time.time() - 3600
    send(stream, *payments(5))
    worker = worker_on(stream, store)

    worker.step(wait_seconds=0.0)
    worker.step(wait_seconds=0.0)
    assert sample("fraud_stream_lag_records") == 3
    assert sample("fraud_stream_oldest_seconds") == pytest.approx(3600, abs=60)

    drain(worker)
    worker.step(wait_seconds=0.0)
    assert sample("fraud_stream_lag_records") == 0
    assert sample("fraud_stream_oldest_seconds") == 0


def test_dead_letters_are_counted_by_stream():
    for number in range(3):
        DeadLetter.objects.create(stream=LABELS, partition="0", position=str(number), body=b"", errors=[])

    assert sample("fraud_dead_letters_total", LABELS) == 3
    assert sample("fraud_dead_letters_total") == 0


@pytest.mark.parametrize("is_shared", [False, True])
def test_they_stand_beside_what_the_processes_counted(monkeypatch, tmp_path, is_shared):
    registry = CollectorRegistry()
    registry.register(StreamCollector())
    monkeypatch.setattr(scoring_metrics, "FROM_RECORD", registry)
    if is_shared:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    text = scoring_metrics.exposition().decode()

    assert 'fraud_stream_workers{stream="transactions"} 0.0' in text
    assert 'fraud_dead_letters_total{stream="labels"} 0.0' in text
    assert ("# HELP fraud_decisions_total" in text) is not is_shared


def test_while_the_database_is_away_the_other_metrics_are_still_told(monkeypatch):
    def fail(*arguments):
        raise OperationalError("gone")

    monkeypatch.setattr(metrics, "_of_workers", fail)

    assert list(StreamCollector().collect()) == []
