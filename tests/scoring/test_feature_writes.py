"""Features follow the record exactly once: after crashes, and beside other processes."""

from datetime import timedelta

import pytest

from scoring.features.definitions import INDEX
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, FeatureStoreLostError, MemoryStore, Pending
from scoring.models import Decision as Recorded
from scoring.models import PendingFeatures
from scoring.queries import features_of
from scoring.services import decisions, features
from scoring.services.features import SettledWrites, settle_features
from tests.factories import NOON
from tests.scoring.feature_writes_world import NAME, batches, contents, decide, smooth_run
from tests.scoring.payments import arrive, make_payment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live")]


class Breaking(MemoryStore):
    """Stores until it is told not to; `is_answer_lost`: it stores, but the answer is lost."""

    is_broken = False
    is_answer_lost = False

    def write(self, write):
        if self.is_broken:
            raise FeatureStoreError("no answer")
        answer = super().write(write)
        if self.is_answer_lost:
            raise FeatureStoreError("no answer")
        return answer


@pytest.mark.parametrize("fault", ["is_broken", "is_answer_lost"])
def test_a_write_that_was_cut_off_is_made_up_for_once(fault):
    first, second, third = sent = batches()
    store = Breaking()
    decide(store, first)
    setattr(store, fault, True)
    with pytest.raises(FeatureStoreError):
        decide(store, second)
    setattr(store, fault, False)

    assert settle_features(NAME, store=store) == (fault == "is_broken")
    assert settle_features(NAME, store=store) == 0

    decide(store, third)
    assert contents(store) == contents(smooth_run(sent))
    assert [features_of(row)["merchant_count_24h"] for row in Recorded.objects.order_by("id")] == list(range(12))


def test_a_writer_that_comes_back_after_others_did_its_write_changes_nothing():
    (arrivals,) = batches(1)
    store = MemoryStore()

    class Overtaken(MemoryStore):
        """Another process settles the batch between its commit and its write."""

        def write(self, write):
            if write.receipts:
                settle_features(NAME, store=store)
            return super().write(write)

    overtaken = Overtaken(store.states, store.receipts, store.generations)
    decide(overtaken, arrivals)

    assert contents(store) == contents(smooth_run([arrivals]))


def test_a_long_lived_writer_forgets_what_is_settled_and_synced(monkeypatch):
    store, settled = MemoryStore(), SettledWrites()

    for arrivals in batches(4):
        decide(store, arrivals, settled=settled)
    waiting = PendingFeatures.objects.count()
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    decide(store, batches(5)[4], settled=settled)

    assert waiting == 4
    assert PendingFeatures.objects.count() == 1
    assert store.receipts == {str(PendingFeatures.objects.get().id)}


def test_a_store_that_forgot_its_last_seconds_gets_them_again():
    store, settled, sent = MemoryStore(), SettledWrites(), batches()
    decide(store, sent[0], settled=settled)
    synced = dict(store.states), set(store.receipts)
    for arrivals in sent[1:]:
        decide(store, arrivals, settled=settled)

    after_the_crash = MemoryStore(*synced)

    assert settle_features(NAME, store=after_the_crash) == 2
    assert contents(after_the_crash) == contents(smooth_run(sent))


def test_writes_in_progress_are_left_to_their_writer():
    (arrivals,) = batches(1)
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, arrivals)
    store.is_broken = False

    assert settle_features("", store=store, older_than=timedelta(seconds=10)) == 0
    assert store.states == {}
    assert settle_features("", store=store) == 1


def test_a_writer_that_is_too_late_leaves_its_batch_to_others(monkeypatch):
    (arrivals,) = batches(1)
    store = MemoryStore()
    monkeypatch.setattr(decisions, "WRITE_WITHIN", timedelta(seconds=-1))
    with pytest.raises(FeatureStoreError, match="too late"):
        decide(store, arrivals)

    assert store.states == {}
    assert settle_features("", store=store) == 1


def test_rows_are_deleted_once_nobody_can_come_back_to_them(monkeypatch):
    (arrivals,) = batches(1)
    store = MemoryStore()
    decide(store, arrivals)
    settle_features("", store=store)
    assert PendingFeatures.objects.count() == len(store.receipts) == 1
    monkeypatch.setattr(features, "SETTLE_AFTER", timedelta(0))

    settle_features("", store=store)

    assert (PendingFeatures.objects.count(), store.receipts) == (0, set())
    assert contents(store) == contents(smooth_run([arrivals]))


def test_a_payment_decided_without_features_is_counted_once_they_are_back():
    lost = MemoryStore(generations=[])
    (result,) = decide(lost, [arrive(make_payment())], is_patient=False)
    assert "features" in result.decision.degraded
    store = MemoryStore()

    settle_features("", store=store)

    assert Pending(store, [Payment(make_payment(), NOON)]).vectors[0, INDEX["card_count_24h"]] == 1.0


def test_a_stream_does_not_go_on_with_an_emptied_store():
    with pytest.raises(FeatureStoreLostError):
        decide(MemoryStore(generations=[]), [arrive(make_payment())])
    with pytest.raises(FeatureStoreLostError):
        settle_features("", store=MemoryStore(generations=[]))

    assert not Recorded.objects.exists()


def test_what_another_counted_stays_until_the_store_has_synced_it(monkeypatch):
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, batches(1)[0])
    store.is_broken = False
    monkeypatch.setattr(features, "SETTLE_AFTER", timedelta(0))

    assert [settle_features("", store=store) for _ in range(3)] == [1, 0, 0]
    assert PendingFeatures.objects.count() == 1
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    settle_features("", store=store)

    assert not PendingFeatures.objects.exists()


def test_feature_writes_of_other_names_are_left():
    store = Breaking()
    store.is_broken = True
    with pytest.raises(FeatureStoreError):
        decide(store, batches(1)[0])
    store.is_broken = False

    assert settle_features("file:", store=store) == 0
    assert PendingFeatures.objects.count() == 1
