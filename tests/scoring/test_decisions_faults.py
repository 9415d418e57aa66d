"""What is decided stays once and whole beside other threads, without the feature store and when a write fails."""

import threading
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections

from scoring.features.live import FeatureStoreError, MemoryStore, ValkeyStore
from scoring.models import Decision, Outbox, PendingFeatures
from scoring.queries import features_of
from scoring.services import decisions
from scoring.services.decisions import Writer, decide_transactions
from tests.scoring.payments import arrive, make_payment, publish, writer


class BrokenStore(MemoryStore):
    """Loses its connection where it is told to."""

    def __init__(self, *, reads: bool = True, writes: bool = True) -> None:
        super().__init__()
        self.reads, self.writes = reads, writes

    def read(self, keys):
        if not self.reads:
            raise FeatureStoreError("no answer")
        return super().read(keys)

    def write(self, write):
        if not self.writes:
            raise FeatureStoreError("no answer")
        return super().write(write)


@pytest.mark.django_db(transaction=True)
def test_two_threads_with_the_same_payment_make_one_decision(monkeypatch):
    publish()
    sent = make_payment()
    together = threading.Barrier(2)
    results = []

    def decide() -> None:
        store = ValkeyStore(settings.REDIS_URL, timeout_seconds=5)
        try:
            results.extend(decide_transactions([arrive(sent)], writer=writer(store, name="api", is_patient=False)))
        finally:
            connections.close_all()

    original = decisions._decide_new

    def meet_first(batch):
        # Both have looked and found nothing. The loser looks again, finds the decision, and waits for nobody.
        together.wait(5)
        return original(batch)

    monkeypatch.setattr(decisions, "_decide_new", meet_first)
    threads = [threading.Thread(target=decide) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Decision.objects.count() == 1
    assert sorted(result.is_new for result in results) == [False, True]
    assert results[0].decision == results[1].decision
    assert Outbox.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_features_are_written_only_after_the_record_is_committed():
    publish()
    seen = []

    class Watching(MemoryStore):
        def write(self, write):
            seen.append((connection.in_atomic_block, Decision.objects.count()))
            return super().write(write)

    decide_transactions([arrive(make_payment(), position=3)], writer=writer(Watching()))

    assert seen == [(False, 1)]


def test_a_failing_effect_leaves_nothing_at_all(live):
    store = MemoryStore()

    def fail(conflicts) -> None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        decide_transactions([arrive(make_payment(), position=1)], writer=writer(store, before_commit=fail))

    assert not Decision.objects.exists()
    assert not Outbox.objects.exists()
    assert not PendingFeatures.objects.exists()
    assert (store.states, store.receipts) == ({}, set())


def test_who_waits_for_an_answer_gets_one_without_the_feature_store(live):
    sent = make_payment(amount=Decimal(2000))

    (result,) = decide_transactions(
        [arrive(sent)], writer=writer(BrokenStore(reads=False), name="api", is_patient=False)
    )

    assert result.decision.degraded == ["features", "model"]
    assert result.decision.outcome == "review"
    features = features_of(Decision.objects.get())
    assert features["amount"] == 2000.0
    assert features["card_count_1h"] is None


def test_who_waits_for_an_answer_gets_it_though_its_features_are_not_kept(live):
    (result,) = decide_transactions(
        [arrive(make_payment())], writer=writer(BrokenStore(writes=False), name="api", is_patient=False)
    )

    assert result.is_new
    assert result.decision.degraded == ["model"]


def test_a_stream_does_not_decide_without_its_features(live):
    with pytest.raises(FeatureStoreError):
        decide_transactions([arrive(make_payment())], writer=writer(BrokenStore(reads=False)))

    assert not Decision.objects.exists()


def test_a_payment_sent_again_while_the_store_is_down_gets_its_stored_decision(live):
    arrival = arrive(make_payment())
    (first,) = decide_transactions([arrival], writer=Writer("api", MemoryStore(), is_patient=False))
    nowhere = ValkeyStore("redis://127.0.0.1:1/0", timeout_seconds=0.1)

    (again,) = decide_transactions([arrival], writer=Writer("api", nowhere, is_patient=False))

    assert (again.is_new, again.decision) == (False, first.decision)
