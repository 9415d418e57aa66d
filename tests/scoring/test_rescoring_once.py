"""Scored again once, whichever process dies, freezes or loses the store when."""

import pytest
from django.utils.timezone import now

from scoring.features.definitions import INDEX
from scoring.features.live import FeatureStoreError, MemoryStore, Pending
from scoring.models import Outbox, PendingFeatures, Rescoring, RescoringDue
from scoring.queries import payments_between
from scoring.services import degraded, features, rescoring
from scoring.services.features import settle_features
from scoring.services.rescoring import rescore_due
from tests.scoring.degraded import BUSY, come_back, decide, nowhere, some, vector_of
from tests.scoring.payments import publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("champion")]


@pytest.fixture(autouse=True)
def _policy(db) -> None:
    publish(BUSY)


class DeadError(Exception):
    """Here the process ends."""


def die(*arguments, **options) -> None:
    raise DeadError


def test_a_worker_that_dies_before_it_counts_a_payment_loses_and_doubles_nothing(monkeypatch):
    store = MemoryStore()
    decide(nowhere(), *some(2))
    with monkeypatch.context() as patch:
        patch.setattr(Pending, "write", die)
        with pytest.raises(DeadError):
            settle_features("", store=store)

    come_back(store)
    come_back(store)

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0]
    assert Pending(store, [payments_between(1, 10**9)[0][1]]).vectors[0, INDEX["card_count_24h"]] == 2.0


def test_a_worker_that_dies_after_it_counted_a_payment_loses_and_doubles_nothing(monkeypatch):
    store = MemoryStore()
    decide(nowhere(), *some(2))
    write = Pending.write

    def write_and_die(self, *arguments, **options):
        write(self, *arguments, **options)
        raise DeadError

    with monkeypatch.context() as patch:
        patch.setattr(Pending, "write", write_and_die)
        with pytest.raises(DeadError):
            settle_features("", store=store)

    come_back(store)

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0]
    assert Pending(store, [payments_between(1, 10**9)[0][1]]).vectors[0, INDEX["card_count_24h"]] == 2.0


def test_a_worker_that_froze_and_wakes_up_later_changes_nothing(monkeypatch):
    store = MemoryStore()
    decide(nowhere(), *some(2))
    note = degraded.note_vectors
    frozen = []

    def freeze(*arguments, **options):
        if not frozen:
            # Meanwhile another worker does all of it.
            frozen.append(None)
            come_back(store)
        note(*arguments, **options)

    monkeypatch.setattr("scoring.services.features.note_vectors", freeze)
    come_back(store)

    found = Rescoring.objects.order_by("decision_id")
    assert [vector_of(row)[INDEX["card_count_24h"]] for row in found] == [0.0, 1.0]
    assert not RescoringDue.objects.exists()
    assert Pending(store, [payments_between(1, 10**9)[0][1]]).vectors[0, INDEX["card_count_24h"]] == 2.0


@pytest.mark.parametrize("step", ["add_to_outbox", "_let_through"])
def test_a_worker_that_dies_while_it_scores_leaves_all_of_it_to_the_next(monkeypatch, step):
    decide(nowhere(), *some(3))
    Outbox.objects.all().delete()
    settle_features("", store=MemoryStore())
    with monkeypatch.context() as patch:
        patch.setattr(rescoring, step, die)
        with pytest.raises(DeadError):
            rescore_due(at=now())
    assert not Rescoring.objects.exists()

    assert [rescore_due(at=now()), rescore_due(at=now())] == [3, 0]
    assert (Rescoring.objects.count(), Outbox.objects.count()) == (3, 1)


def test_a_store_that_goes_away_again_leaves_the_rest_for_later(monkeypatch):
    monkeypatch.setattr(features, "EVENTS_AT_ONCE", 1)
    store, reads = MemoryStore(), []
    decide(nowhere(), *some(3))
    read = store.read

    def fail_at_the_third(keys):
        reads.append(keys)
        if len(reads) == 3:
            raise FeatureStoreError("away")
        return read(keys)

    monkeypatch.setattr(store, "read", fail_at_the_third)
    with pytest.raises(FeatureStoreError):
        settle_features("", store=store)
    assert rescore_due(at=now()) == 1
    come_back(store)

    assert Rescoring.objects.count() == 3


def test_payments_counted_by_somebody_who_noted_nothing_say_what_is_missing():
    decide(nowhere(), *some(2))
    store = MemoryStore()
    store.receipts.add(str(PendingFeatures.objects.order_by("id").first().id))
    PendingFeatures.objects.order_by("id").last().delete()

    come_back(store)

    assert [row.missing for row in Rescoring.objects.all()] == [["features"], ["features"]]
