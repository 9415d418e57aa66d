"""What fails, hangs back or is taken away in the middle of the stream loses nothing and doubles nothing."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now

from scoring.features.live import FeatureStoreError, MemoryStore
from scoring.models import Decision, Outbox
from streams import leases, reader
from streams.models import DeadLetter, StreamProgress, StreamWorker
from streams.source import TRANSACTIONS
from tests.scoring.payments import body_of
from tests.streams.flow import assert_exact, drain, payments, run, send, worker_on

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


def fail_once(monkeypatch, owner: object, name: str, error: Exception) -> None:
    """The next call of a method fails, those after it work."""
    original = getattr(owner, name)

    def fail(*arguments, **named):
        monkeypatch.setattr(owner, name, original)
        raise error

    monkeypatch.setattr(owner, name, fail)


@pytest.mark.parametrize(
    ("owner", "name"), [(leases.Leases, "move"), (reader, "add_to_outbox"), (DeadLetter.objects, "bulk_create")]
)
def test_a_database_error_in_the_middle_of_a_batch_leaves_nothing(stream, store, monkeypatch, owner, name):
    send(stream, body_of(), b"bad")
    worker = worker_on(stream, store)
    fail_once(monkeypatch, owner, name, OperationalError("gone"))

    with pytest.raises(OperationalError):
        worker.step(wait_seconds=0.0)
    assert not any(table.objects.exists() for table in (Decision, Outbox, DeadLetter))
    assert not StreamProgress.objects.exclude(position="").exists()
    assert store.states == {}

    assert worker.step(wait_seconds=0.0) == 2
    assert (Decision.objects.count(), DeadLetter.objects.count()) == (1, 1)


def test_features_that_could_not_be_stored_are_before_the_next_batch(stream, store, monkeypatch):
    send(stream, *payments(5))
    worker = worker_on(stream, store)
    fail_once(monkeypatch, MemoryStore, "write", FeatureStoreError("gone"))

    with pytest.raises(FeatureStoreError):
        worker.step(wait_seconds=0.0)
    assert Decision.objects.count() == 5
    assert store.states == {}
    send(stream, *payments(3))
    drain(worker)

    assert_exact(store)
    assert sorted(Decision.objects.values_list("position", flat=True)) == [str(position) for position in range(8)]


def test_features_a_dead_worker_left_unstored_are_before_the_first_batch_of_its_heir(stream, store, monkeypatch):
    send(stream, *payments(5))
    fail_once(monkeypatch, MemoryStore, "write", FeatureStoreError("gone"))
    with pytest.raises(FeatureStoreError):
        worker_on(stream, store, "dead").step(wait_seconds=0.0)
    StreamProgress.objects.update(owner="", lease_until=None)
    StreamWorker.objects.all().delete()
    send(stream, *payments(3))

    drain(worker_on(stream, store, "heir"))

    assert Decision.objects.count() == 8
    assert_exact(store)


def test_a_feature_store_that_was_emptied_is_made_again_from_the_record(stream, store):
    send(stream, *payments(5))
    worker = worker_on(stream, store)
    drain(worker)
    store.states.clear()
    store.receipts.clear()
    store.generations.clear()
    send(stream, *payments(3))

    assert worker.step(wait_seconds=0.0) == 0
    assert drain(worker) == 3

    assert_exact(store)
    assert Decision.objects.count() == 8


class CutOff(MemoryStore):
    """A store that others reach and this worker does not."""

    def read(self, keys):
        raise FeatureStoreError("away from here")


def test_a_worker_that_cannot_work_takes_nothing(stream):
    with pytest.raises(FeatureStoreError):
        worker_on(stream, CutOff()).step(wait_seconds=0.0)

    assert not StreamProgress.objects.exclude(owner="").exists()
    assert not StreamWorker.objects.exists()


def test_a_worker_that_is_cut_off_leaves_its_partitions_to_those_that_can_work(stream, store, settings, monkeypatch):
    settings.STREAM_RENEW_SECONDS = 0.0
    cut_off, well = worker_on(stream, store, "cut off"), worker_on(stream, store, "well")
    for worker in (cut_off, well) * 3:
        worker.step(wait_seconds=0.0)
    monkeypatch.setattr(cut_off, "_store", CutOff())
    for card in range(12):
        send(stream, body_of(card_id=f"card-{card}"), key=f"card-{card}")

    for _ in range(3):
        with pytest.raises(FeatureStoreError):
            cut_off.step(wait_seconds=0.0)
    its_time_passes("cut off")
    drain(well)

    assert Decision.objects.count() == 12
    monkeypatch.setattr(cut_off, "_store", store)
    for worker in (cut_off, well) * 3:
        worker.step(wait_seconds=0.0)
    assert [len(worker.leases.positions) for worker in (cut_off, well)] == [1, 1]
    assert_exact(store)


def test_workers_that_are_all_cut_off_go_on_where_they_were(stream, store, monkeypatch):
    alone = worker_on(stream, store)
    alone.step(wait_seconds=0.0)
    send(stream, *payments(3))
    with monkeypatch.context() as outage:
        outage.setattr(MemoryStore, "read", CutOff.read)
        for _ in range(5):
            with pytest.raises(FeatureStoreError):
                alone.step(wait_seconds=0.0)
        its_time_passes("worker")

    assert alone.step(wait_seconds=0.0) == 3

    assert_exact(store)


def its_time_passes(owner: str) -> None:
    """What a worker last said is older than a lease."""
    long_ago = timedelta(seconds=settings.STREAM_LEASE_SECONDS + 1)
    StreamProgress.objects.filter(owner=owner).update(lease_until=F("lease_until") - long_ago)
    StreamWorker.objects.filter(owner=owner).update(seen_at=F("seen_at") - long_ago)


# --- partitions that come and go -----------------------------------------------------------------------------------


def taken_over(*partitions: str) -> None:
    """Another worker took these, of all."""
    rows = StreamProgress.objects.filter(stream=TRANSACTIONS)
    rows = rows.filter(partition__in=partitions) if partitions else rows
    rows.update(owner="other", epoch=F("epoch") + 1, lease_until=Now() + timedelta(hours=1))


def test_a_worker_that_lost_its_partitions_writes_nothing_and_goes_on(stream, store, caplog):
    worker = worker_on(stream, store)
    worker.step(wait_seconds=0.0)
    send(stream, *payments(3), b"bad")
    taken_over()

    assert worker.step(wait_seconds=0.0) == 0

    assert not any(table.objects.exists() for table in (Decision, Outbox, DeadLetter))
    assert store.states == {}
    assert "went to another worker" in caplog.text
    assert worker.step(wait_seconds=0.0) == 0


def test_what_is_still_ours_of_a_fenced_batch_is_decided(stream, store):
    worker = worker_on(stream, store)
    worker.step(wait_seconds=0.0)
    for card in range(12):
        send(stream, body_of(card_id=f"card-{card}"), key=f"card-{card}")
    taken_over("0")

    assert worker.step(wait_seconds=0.0) == 0
    assert worker.step(wait_seconds=0.0) == len(stream.logs[TRANSACTIONS, "1"])

    assert set(Decision.objects.values_list("source", flat=True)) == {"stream:transactions/1"}
    assert StreamProgress.objects.get(partition="0").position == ""
    assert_exact(store)


def test_a_worker_held_up_after_its_record_does_not_count_its_batch_twice(stream, store, monkeypatch):
    send(stream, *payments(3))
    old = worker_on(stream, store, "old")
    original = MemoryStore.write

    def overtaken(self, *arguments):
        monkeypatch.setattr(MemoryStore, "write", original)
        StreamProgress.objects.update(owner="", lease_until=None)
        worker_on(stream, store, "new").step(wait_seconds=0.0)
        return original(self, *arguments)

    monkeypatch.setattr(MemoryStore, "write", overtaken)
    old.step(wait_seconds=0.0)

    assert_exact(store)


def test_split_and_merged_partitions_are_read_in_the_order_of_their_cards(stream, store, settings):
    settings.STREAM_BATCH_SIZE = 2
    cards = [f"card-{number}" for number in range(6)]

    def one_more_of_each() -> None:
        for card in cards:
            send(stream, body_of(card_id=card), key=card)

    one_more_of_each()
    left, right = stream.split("0")
    one_more_of_each()
    stream.merge(left, right, "1")
    one_more_of_each()

    assert run(stream, store) == 18

    sent = [json.loads(body) for log in stream.logs.values() for body in log]
    for card in cards:
        decided = Decision.objects.filter(card_id=card).order_by("id").values_list("transaction_id", flat=True)
        assert list(decided) == [payment["transaction_id"] for payment in sent if payment["card_id"] == card]
    finished = StreamProgress.objects.exclude(finished_at=None).values_list("partition", flat=True)
    assert sorted(finished) == ["0", "0.0", "0.1", "1"]


def test_an_ended_partition_is_not_finished_before_its_last_record_is_committed(stream, store):
    worker = worker_on(stream, store)
    worker.step(wait_seconds=0.0)
    send(stream, *payments(3))
    home = next(name for (_, name), log in stream.logs.items() if log)
    stream.split(home)
    taken_over(home)

    worker.step(wait_seconds=0.0)
    worker.step(wait_seconds=0.0)

    assert StreamProgress.objects.get(partition=home).finished_at is None
    assert not StreamProgress.objects.filter(partition=f"{home}.0").exclude(owner="").exists()
