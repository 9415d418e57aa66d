"""What Prometheus is told of the streams, whichever process it asks."""

import math
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now
from prometheus_client import CollectorRegistry

from scoring import metrics as scoring_metrics
from scoring.features.live import FeatureStoreError, MemoryStore
from streams.leases import Leases
from streams.metrics import StreamCollector
from streams.models import DeadLetter, StreamProgress, StreamWorker
from streams.source import LABELS, TRANSACTIONS, Message
from tests.memory_stream import MemoryStream
from tests.streams.flow import drain, payments, send, worker_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def sample(name: str, stream: str = TRANSACTIONS) -> float | None:
    registry = CollectorRegistry()
    registry.register(StreamCollector())
    return registry.get_sample_value(name, {"stream": stream})


def watch(owner: str, stream: str = TRANSACTIONS, *, lag: int | None, oldest_seconds: float | None = 0.0) -> Leases:
    """A worker takes its turn and tells what it sees."""
    leases = Leases(stream, owner=owner)
    leases.turn(MemoryStream().partitions())
    leases.tell(lag=lag, oldest_seconds=oldest_seconds)
    return leases


class DatedStream(MemoryStream):
    """Its broker says when records were produced."""

    produced_at = math.nan

    def read(self, *arguments, **named) -> list[Message]:
        return [replace(message, produced_at=self.produced_at) for message in super().read(*arguments, **named)]


def test_lag_is_what_all_live_workers_have_not_read():
    watch("a", lag=30, oldest_seconds=2.5)
    watch("b", lag=12, oldest_seconds=7.0)
    watch("a", LABELS, lag=1)

    assert sample("fraud_stream_workers") == 2
    assert sample("fraud_stream_lag_records") == 42
    assert sample("fraud_stream_oldest_seconds") == 7.0
    assert sample("fraud_stream_lag_records", LABELS) == 1


def test_without_a_worker_there_is_no_lag_rather_than_a_good_one():
    watch("a", lag=30, oldest_seconds=2.5)
    StreamWorker.objects.update(seen_at=F("seen_at") - timedelta(seconds=settings.STREAM_LEASE_SECONDS + 1))

    assert sample("fraud_stream_workers") == 0
    assert sample("fraud_stream_lag_records") is None
    assert sample("fraud_stream_oldest_seconds") is None


def test_a_broker_that_cannot_say_its_lag_has_none():
    watch("a", lag=None, oldest_seconds=None)

    assert sample("fraud_stream_workers") == 1
    assert sample("fraud_stream_lag_records") is None


def test_lag_is_not_known_while_somebody_must_still_take_a_partition():
    left = watch("a", lag=30)
    watch("b", lag=None, oldest_seconds=None)
    assert (sample("fraud_stream_unread_partitions"), sample("fraud_stream_lag_records")) == (0, 30)

    left.turn(MemoryStream().partitions())

    assert (sample("fraud_stream_unread_partitions"), sample("fraud_stream_lag_records")) == (1, None)


def test_partitions_whose_worker_is_not_heard_of_are_unread():
    watch("a", lag=0)
    assert sample("fraud_stream_unread_partitions") == 0

    StreamProgress.objects.update(lease_until=F("lease_until") - timedelta(seconds=settings.STREAM_LEASE_SECONDS + 1))

    assert sample("fraud_stream_unread_partitions") == 2
    assert sample("fraud_stream_unread_partitions", LABELS) == 0


def test_a_partition_that_vanished_unread_counts_until_somebody_has_seen_to_it():
    leases = watch("a", lag=0)
    leases.turn(MemoryStream(partitions=1).partitions())
    assert sample("fraud_stream_unread_partitions") == 1

    StreamProgress.objects.filter(partition="1").update(finished_at=Now())

    assert sample("fraud_stream_unread_partitions") == 0


def test_lag_is_told_while_the_feature_store_fails_at_the_records(store, monkeypatch):
    def fail(*arguments):
        raise FeatureStoreError("away")

    monkeypatch.setattr(MemoryStore, "write", fail)
    stream = MemoryStream()
    send(stream, *payments(50))

    with pytest.raises(FeatureStoreError):
        worker_on(stream, store).step(wait_seconds=0.0)

    assert sample("fraud_stream_lag_records") == 50


def test_a_worker_that_holds_nothing_says_nothing_of_the_stream(store):
    stream = MemoryStream(partitions=1)
    worker_on(stream, store, "busy").step(wait_seconds=0.0)

    worker_on(stream, store, "idle").step(wait_seconds=0.0)

    assert StreamWorker.objects.get(owner="busy").lag_records == 0
    idle = StreamWorker.objects.get(owner="idle")
    assert (idle.lag_records, idle.oldest_seconds) == (None, None)


class LateStream(MemoryStream):
    """Its broker tells how far behind reading is in seconds only, or does not answer."""

    behind: float | None = None

    def lag(self, positions) -> None:
        return None

    def behind_seconds(self) -> float | None:
        return self.behind


@pytest.mark.parametrize("behind", [None, 0.0, 90.0])
def test_an_empty_read_is_as_far_behind_as_the_broker_says(store, settings, behind):
    settings.STREAM_RENEW_SECONDS = 0.0
    stream = LateStream()
    stream.behind = behind
    worker = worker_on(stream, store)

    worker.step(wait_seconds=0.0)
    worker.step(wait_seconds=0.0)

    assert sample("fraud_stream_oldest_seconds") == behind


def test_a_worker_tells_its_lag_and_the_age_of_what_it_reads(store, settings):
    settings.STREAM_RENEW_SECONDS = 0.0
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


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_while_the_database_is_away_it_is_asked_once_and_the_other_metrics_are_still_told(caplog, error):
    asked = []

    def fail(execute, sql, params, many, context):
        asked.append(sql)
        raise error

    with connection.execute_wrapper(fail):
        text = scoring_metrics.exposition().decode()

    assert len(asked) == 1
    assert "# HELP fraud_decisions_total" in text
    assert "fraud_stream_workers" not in text
    assert "/metrics lacks figures of the record" in caplog.text


def test_all_that_is_on_record_is_told_while_the_database_is_there():
    text = scoring_metrics.exposition().decode()

    for name in ("fraud_cases_open", "fraud_stream_workers", "fraud_rescoring_waiting", "fraud_webhooks_waiting"):
        assert f"# HELP {name} " in text
