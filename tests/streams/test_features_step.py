"""The task worker stores features that nobody confirmed, and makes a lost store again."""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

import pytest
from django.db.models import F

from scoring.features.definitions import INDEX
from scoring.features.events import Payment
from scoring.features.live import FeatureStoreError, MemoryStore, Pending
from scoring.models import Decision, PendingFeatures
from scoring.models.delivery import IS_UNSEEN
from scoring.services import features, store
from scoring.services.decisions import Writer, decide_transactions
from scoring.services.features import SETTLE_AFTER
from scoring.services.labels import apply_labels
from streams.thread_step import is_passing
from streams.worker import FeaturesStep
from tests.factories import NOON, make_label
from tests.scoring.degraded import decide, some
from tests.scoring.payments import arrive, make_payment
from tests.streams.flow import features_of_the_record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


@pytest.fixture
def step(monkeypatch) -> FeaturesStep:
    """Stops in its second turn; each looks for labels, and for what was not confirmed."""
    step, looks = FeaturesStep(None), []
    settle = features.settle_seen

    def settle_and_count(*arguments, **named) -> int:
        looks.append(None)
        if len(looks) == 3:
            step.stopping.set()
        return settle(*arguments, **named)

    monkeypatch.setattr(features, "settle_seen", settle_and_count)
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


@pytest.fixture
def backlog(live, monkeypatch) -> MemoryStore:
    """Nine payments decided without features; two are counted a turn, and a turn without any is the last."""
    for name, most in {"ROWS_AT_ONCE": 2, "EVENTS_AT_ONCE": 1, "PIECES_AT_ONCE": 2}.items():
        monkeypatch.setattr(features, name, most)
    decide(MemoryStore(generations=[]), *some(9))
    return live


def run(step: FeaturesStep, monkeypatch, after_turn: Callable[[int], object]) -> None:
    """It stops where it would wait: when nothing is left. `after_turn` hears how many wait after each turn at them."""
    settle = features.settle_degraded

    def settle_and_tell(*arguments, **named) -> tuple[int, bool]:
        found = settle(*arguments, **named)
        after_turn(PendingFeatures.objects.filter(IS_UNSEEN).count())
        return found

    monkeypatch.setattr(features, "settle_degraded", settle_and_tell)
    monkeypatch.setattr(step.stopping, "wait", lambda seconds: step.stopping.set())
    step.work()


def test_labels_and_dead_writers_wait_for_one_turn_at_what_an_outage_left(backlog, monkeypatch):
    turns = []

    def look(waiting: int) -> None:
        if not turns:
            apply_labels([make_label(Decision.objects.earliest("id")).id])
            leave_unconfirmed(seconds_ago=SETTLE_AFTER.total_seconds() + 1)
        others = PendingFeatures.objects.exclude(IS_UNSEEN).filter(settled_at=None)
        frauds = Pending(backlog, [Payment(make_payment(), NOON)]).vectors[0, INDEX["card_frauds_30d"]]
        turns.append((waiting, float(frauds), backlog.has_receipts([str(row.id) for row in others])))

    run(FeaturesStep(None), monkeypatch, look)

    assert [waiting for waiting, _, _ in turns] == [7, 5, 3, 1, 0, 0]
    assert turns[0][1:] == (0.0, [False, False])
    assert [(frauds, any(not is_counted for is_counted in counted)) for _, frauds, counted in turns[1:]] == [
        (1.0, False)
    ] * 5


def test_a_worker_that_is_told_to_stop_leaves_the_rest_of_an_outage_to_the_next(backlog, monkeypatch):
    step, left = FeaturesStep(None), []

    def stop(waiting: int) -> None:
        step.stopping.set()
        left.append(waiting)

    run(step, monkeypatch, stop)

    assert left == [7]


def fail(error: Exception) -> NoReturn:
    raise error


def test_a_feature_store_that_was_emptied_is_made_again(step, live):
    leave_unconfirmed(seconds_ago=0)
    PendingFeatures.objects.all().delete()
    live.generations.clear()

    step.work()

    assert {key: state[8:] for key, state in live.states.items()} == features_of_the_record()
