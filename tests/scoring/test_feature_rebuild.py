"""A feature store that lost everything is made again from the record, and knows what it knew."""

import threading
from decimal import Decimal

import pytest
from django.db import connections

from scoring.features.events import Payment
from scoring.features.live import FeatureStoreLostError, MemoryStore, Pending
from scoring.models import Decision as Recorded
from scoring.models import FeatureRebuild, PendingFeatures
from scoring.services import rebuild
from scoring.services.features import SettledWrites, settle_features
from scoring.services.labels import LABELS_WRITER, apply_labels
from scoring.services.locks import try_lock
from scoring.services.rebuild import RebuildRunningError, rebuild_features, restore_features
from tests.factories import MINUTE, NOON, make_label
from tests.scoring.feature_writes_world import batches, contents, decide, smooth_run
from tests.scoring.payments import arrive, make_payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live")]


def vectors() -> list[bytes]:
    return [bytes(row) for row in Recorded.objects.order_by("id").values_list("features", flat=True)]


def learn_a_fraud(store) -> None:
    label = make_label(Recorded.objects.order_by("id")[0], known_at=NOON + MINUTE * 5)
    apply_labels([label.id, make_label(label.decision, source="customer", known_at=NOON).id])
    settle_features(LABELS_WRITER, store=store)


def quiet(done: int, total: int) -> None:
    assert done <= total


def test_a_lost_store_is_made_again_and_goes_on_as_if_nothing_had_been(monkeypatch):
    monkeypatch.setattr(rebuild, "CHUNK", 5)
    *before, after = batches(4)
    store = MemoryStore()
    for arrivals in before:
        decide(store, arrivals)
    learn_a_fraud(store)
    PendingFeatures.objects.order_by("id")[0].delete()
    expected = contents(store)
    store.states.clear()
    store.receipts.clear()
    store.generations.clear()

    restore_features(store=store, progress=quiet)

    assert contents(store) == expected
    settle_features("", store=store)
    assert contents(store) == expected
    decide(store, after)
    assert vectors()[-4:] == list_of_vectors(expected, after)
    run = FeatureRebuild.objects.get()
    assert (run.payments, run.labels, len(run.pending)) == (12, 1, 3)
    assert run.finished_at is not None


def list_of_vectors(states: dict[str, bytes], arrivals) -> list[bytes]:
    store = MemoryStore({key: bytes(8) + state for key, state in states.items()})
    pending = Pending(store, [Payment(arrival.transaction, arrival.received_at) for arrival in arrivals])
    return [row.tobytes() for row in pending.vectors]


def test_a_store_that_is_whole_is_left_alone():
    store = MemoryStore()

    restore_features(store=store, progress=quiet)

    assert not FeatureRebuild.objects.exists()


def test_a_batch_whose_row_outlived_younger_ones_is_counted_in_its_place():
    """Its worker died after the write: nobody deletes the row for a minute, while the next worker's come and go."""
    sent = [
        [
            arrive(make_payment(amount=Decimal(amount), occurred_at=NOON + MINUTE * (4 * batch + i)))
            for i, amount in enumerate(("12", f"{900 * (batch + 1)}", "1", "45"))
        ]
        for batch in range(12)
    ]
    store = MemoryStore()
    for arrivals in sent:
        decide(store, arrivals)
    expected = contents(store)
    PendingFeatures.objects.exclude(id=PendingFeatures.objects.order_by("id")[3].id).delete()

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    settle_features("", store=store)
    assert contents(store) == expected


def test_a_rebuild_whose_end_was_not_noted_is_not_gone_on_with():
    store = MemoryStore()
    decide(store, batches(1)[0])
    rebuild_features(store=store, progress=quiet, is_fresh=False)
    FeatureRebuild.objects.update(finished_at=None)
    expected = contents(store)

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert FeatureRebuild.objects.count() == 2


@pytest.mark.parametrize("name", ["last_decision_id", "last_label_id"])
def test_a_chunk_that_was_written_and_not_noted_counts_once(monkeypatch, name):
    """More is recorded meanwhile: the chunk must still be the same one."""
    store = MemoryStore()
    first, second = batches(2)
    decide(store, first)
    learn_a_fraud(store)
    PendingFeatures.objects.all().delete()
    expected = contents(store)
    save = FeatureRebuild.save

    def die(self, *, update_fields=None, **options):
        if update_fields and name in update_fields:
            raise KeyboardInterrupt
        save(self, update_fields=update_fields, **options)

    monkeypatch.setattr(FeatureRebuild, "save", die)
    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=quiet, is_fresh=False)
    monkeypatch.undo()
    decide(MemoryStore(generations=[]), second, is_patient=False)

    rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert FeatureRebuild.objects.count() == 1


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_interrupted_rebuild_goes_on_where_it_was(monkeypatch, stop_after):
    monkeypatch.setattr(rebuild, "CHUNK", 4)
    store = MemoryStore()
    for arrivals in batches(3):
        decide(store, arrivals, settled=SettledWrites())
    PendingFeatures.objects.all().delete()
    expected = contents(store)
    told = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if len(told) == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=stop, is_fresh=False)
    with pytest.raises(FeatureStoreLostError):
        decide(store, [arrive(make_payment())])

    run = rebuild_features(store=store, progress=quiet, is_fresh=False)

    assert contents(store) == expected
    assert run.payments == 12
    assert FeatureRebuild.objects.count() == 1


def test_a_rebuild_that_begins_anew_forgets_the_interrupted_one(monkeypatch):
    store = MemoryStore()
    for arrivals in batches(2):
        decide(store, arrivals, settled=SettledWrites())
    expected = contents(store)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_features(store=store, progress=stop, is_fresh=False)

    rebuild_features(store=store, progress=quiet, is_fresh=True)

    assert contents(store) == expected
    assert FeatureRebuild.objects.filter(finished_at=None).count() == 1


def test_what_was_in_flight_when_a_rebuild_began_counts_once(monkeypatch):
    """Its writer had stored it in the old store, and deletes its row while the new one is made."""
    first, second = batches(2)
    store, settled = MemoryStore(), SettledWrites()
    decide(store, first, settled=settled)
    decide(store, second, settled=settled)

    def delete_row(done: int, total: int) -> None:
        PendingFeatures.objects.all().delete()

    rebuild_features(store=store, progress=delete_row, is_fresh=False)

    assert contents(store) == contents(smooth_run([first, second]))


def test_what_is_decided_without_features_during_a_rebuild_counts_once():
    first, second = batches(2)
    store = MemoryStore()
    decide(store, first, settled=SettledWrites())
    settle_features("", store=store)

    def decide_more(done: int, total: int) -> None:
        if Recorded.objects.count() == len(first):
            decide(store, second, is_patient=False)

    rebuild_features(store=store, progress=decide_more, is_fresh=False)
    settle_features("", store=store)

    assert contents(store) == contents(smooth_run([first, second]))


@pytest.mark.django_db(transaction=True)
def test_only_one_process_rebuilds(monkeypatch):
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with try_lock(rebuild.LOCK) as is_ours:
            assert is_ours
            taken.set()
            done.wait(5)
        connections.close_all()

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(5)
    try:
        with pytest.raises(RebuildRunningError):
            rebuild_features(store=MemoryStore(), progress=quiet, is_fresh=False)
    finally:
        done.set()
        other.join()
