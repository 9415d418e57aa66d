"""The step of the stream worker: its two streams go on without each other, and it leaves what it held."""

from collections.abc import Callable, Sequence

import pytest

from scoring.features.live import FeatureStoreError, MemoryStore
from scoring.models import Decision, Label
from scoring.services import store as stores
from streams import connect, thread_step, worker
from streams.models import StreamProgress, StreamWorker
from streams.source import LABELS, TRANSACTIONS, Partition, StreamError
from streams.worker import StreamStep
from tests.factories import make_decision
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of
from tests.streams.flow import label_body, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]


class Scripted(MemoryStream):
    """A stream whose partitions are asked for at each step, with something to happen then."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream, partitions=1)
        self.happens: Callable[[int], None] = lambda count: None
        self.asked = 0

    def partitions(self) -> Sequence[Partition]:
        self.asked += 1
        self.happens(self.asked)
        return super().partitions()

    def close(self) -> None:
        """It is there for the next start."""


@pytest.fixture
def streams(monkeypatch, settings, store) -> dict[str, Scripted]:
    settings.STREAM_RENEW_SECONDS = 0.0
    made = {name: Scripted(name) for name in (TRANSACTIONS, LABELS)}
    monkeypatch.setattr(connect, "connect_source", made.__getitem__)
    monkeypatch.setattr(stores, "batch_store", lambda: store)
    monkeypatch.setattr(worker, "spare_the_collector", lambda: None)
    monkeypatch.setattr(worker, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.01)
    return made


@pytest.fixture
def step() -> StreamStep:
    return StreamStep(None, stream=True)


def test_labels_that_are_away_do_not_hold_up_payments_and_are_asked_again(streams, step, caplog):
    def go(count: int) -> None:
        send(streams[TRANSACTIONS], body_of())
        if streams[LABELS].asked >= 3:
            step.stopping.set()

    def fail(count: int) -> None:
        raise StreamError("topic labels: create it first")

    streams[TRANSACTIONS].happens, streams[LABELS].happens = go, fail
    step.work()

    assert Decision.objects.count() == streams[TRANSACTIONS].asked >= 3
    assert caplog.text.count("labels waits: topic labels: create it first") == streams[LABELS].asked >= 3


def test_a_feature_store_that_is_away_does_not_hold_up_labels(streams, step, monkeypatch):
    def away(*arguments):
        raise FeatureStoreError("away")

    def go(count: int) -> None:
        if count == 3:
            step.stopping.set()

    make_decision(transaction_id="x")
    send(streams[LABELS], label_body(), topic=LABELS)
    monkeypatch.setattr(MemoryStore, "read", away)
    streams[LABELS].happens = go

    step.work()

    assert Label.objects.count() == 1


def test_stopped_while_the_feature_store_is_made_again_it_leaves_its_partitions(streams, step, store):
    def go(count: int) -> None:
        if count == 2:
            assert StreamProgress.objects.get(stream=TRANSACTIONS).owner != ""
            store.generations.clear()
            step.stopping.set()

    send(streams[TRANSACTIONS], body_of())
    streams[TRANSACTIONS].happens = go

    with pytest.raises(thread_step.StopRequestedError):
        step.work()

    assert not StreamProgress.objects.exclude(owner="").exists()
    assert not StreamWorker.objects.exists()


def test_an_error_that_ends_the_attempt_keeps_what_is_held_for_the_next_one(streams, step):
    def go(count: int) -> None:
        if count == 2:
            raise RuntimeError

    streams[TRANSACTIONS].happens = go

    with pytest.raises(RuntimeError):
        step.work()

    assert StreamProgress.objects.get(stream=TRANSACTIONS).owner == step._owner
