"""The task worker's relay stores features nobody confirmed, and a store that fails does not hold up the outbox."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F

from scoring.features.live import FeatureStoreError, MemoryStore
from scoring.models import PendingFeatures
from scoring.services import features, store
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import SETTLE_AFTER
from streams import outbox
from streams.worker import OutboxRelayStep
from tests.scoring.payments import arrive, make_payment
from tests.streams.flow import features_of_the_record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


@pytest.fixture
def step(monkeypatch) -> Iterator[OutboxRelayStep]:
    """A relay that stops after its third look at the outbox."""
    step, looks = OutboxRelayStep(None), []

    def relay_outbox() -> int:
        looks.append(None)
        if len(looks) == 3:
            step.stopping.set()
        return 0

    monkeypatch.setattr(outbox, "relay_outbox", relay_outbox)
    monkeypatch.setattr("streams.worker.RELAY_SECONDS", 0.01)
    yield step
    assert len(looks) == 3


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


def test_features_that_may_still_be_on_their_way_are_left_to_their_writer(step, live):
    leave_unconfirmed(seconds_ago=0)

    step.work()

    assert PendingFeatures.objects.count() == 1
    assert live.states == {}


def test_a_feature_store_that_is_away_does_not_hold_up_the_outbox(step, live, monkeypatch, caplog):
    def fail(*arguments, **named):
        raise FeatureStoreError("away")

    monkeypatch.setattr(features, "settle_features", fail)

    step.work()

    assert "features could not be stored" in caplog.text


def test_a_feature_store_that_was_emptied_is_made_again(step, live):
    leave_unconfirmed(seconds_ago=0)
    PendingFeatures.objects.all().delete()
    live.generations.clear()

    step.work()

    assert {key: state[8:] for key, state in live.states.items()} == features_of_the_record()
