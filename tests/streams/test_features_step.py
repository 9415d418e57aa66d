"""The task worker stores features that nobody confirmed, and makes a lost store again."""

from datetime import timedelta
from typing import NoReturn

import pytest
from django.db.models import F

from scoring.features.definitions import INDEX
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, MemoryStore, Pending
from scoring.models import Decision, PendingFeatures
from scoring.services import features, store
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import SETTLE_AFTER
from scoring.services.labels import apply_labels
from streams.worker import FeaturesStep, is_passing
from tests.factories import NOON, make_label
from tests.scoring.payments import arrive, make_payment
from tests.streams.flow import features_of_the_record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


@pytest.fixture
def step(monkeypatch) -> FeaturesStep:
    """Stops in its second turn; each looks for labels, and for what was not confirmed."""
    step, looks = FeaturesStep(None), []
    settle = features.settle_features

    def settle_and_count(*arguments, **named) -> int:
        looks.append(None)
        if len(looks) == 3:
            step.stopping.set()
        return settle(*arguments, **named)

    monkeypatch.setattr(features, "settle_features", settle_and_count)
    monkeypatch.setattr("streams.worker.RELAY_SECONDS", 0.01)
    monkeypatch.setattr(features, "SYNC_SECONDS", 0.0)
    return step


@pytest.fixture
def live(monkeypatch) -> MemoryStore:
    live = MemoryStore()
    monkeypatch.setattr(store, "batch_store", lambda: live)
    return live


def leave_unconfirmed(*, seconds_ago: float) -> None:
    """A process decided, and died before it stored the features."""
    decide_transactions([arrive(make_payment())], writer=Writer("api", MemoryStore()))
    PendingFeatures.objects.update(created_at=F("created_at") - timedelta(seconds=seconds_ago))


def test_features_that_nobody_confirmed_are_stored(step, live):
    leave_unconfirmed(seconds_ago=SETTLE_AFTER.total_seconds() + 1)

    step.work()

    assert not PendingFeatures.objects.exists()
    assert {key: state[8:] for key, state in live.states.items()} == features_of_the_record()


def test_labels_that_were_handed_over_are_counted_at_once(step, live):
    (result,) = decide_transactions([arrive(make_payment())], writer=Writer("api", live))
    apply_labels([make_label(Decision.objects.get(transaction_id=result.arrival.transaction.transaction_id)).id])

    step.work()

    vector = Pending(live, [Payment(make_payment(), NOON)]).vectors[0]
    assert vector[INDEX["card_frauds_30d"]] == 1.0


def test_features_that_may_still_be_on_their_way_are_left_to_their_writer(step, live):
    leave_unconfirmed(seconds_ago=0)

    step.work()

    assert PendingFeatures.objects.count() == 1
    assert live.states == {}


def test_a_feature_store_that_is_away_is_tried_again(step, live, monkeypatch):
    leave_unconfirmed(seconds_ago=SETTLE_AFTER.total_seconds() + 1)
    read, away = live.read, [FeatureStoreError("away")]
    monkeypatch.setattr(live, "read", lambda keys: fail(away.pop()) if away else read(keys))

    with pytest.raises(FeatureStoreError) as error:
        step.work()
    step.work()

    assert is_passing(error.value)
    assert {key: state[8:] for key, state in live.states.items()} == features_of_the_record()


def fail(error: Exception) -> NoReturn:
    raise error


def test_a_feature_store_that_was_emptied_is_made_again(step, live):
    leave_unconfirmed(seconds_ago=0)
    PendingFeatures.objects.all().delete()
    live.generations.clear()

    step.work()

    assert {key: state[8:] for key, state in live.states.items()} == features_of_the_record()
