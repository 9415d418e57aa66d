"""A real feature store goes away while calls come, and comes back: what was let through gets its case by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from cases.models import Case, FeedEntry
from fraudapp.embedded.valkey import ValkeyServer
from scoring.features.live import FeatureStoreError
from scoring.models import Decision, Rescoring, RescoringDue
from scoring.services import rescoring
from scoring.services.keys import issue_key
from scoring.services.store import batch_store, sync_store
from streams import thread_step, worker
from streams.outbox import relay_outbox
from streams.worker import FeaturesStep, RescoringStep
from tests.feature_store import open_empty
from tests.scoring.api_calls import DECISIONS, Caller
from tests.scoring.degraded import BUSY, CountModel, install
from tests.scoring.payments import body_of, publish
from tests.streams.crew import Killed
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(tmp_path, settings) -> Iterator[ValkeyServer]:
    """A feature store of our own, to be stopped."""
    with ValkeyServer(tmp_path / "valkey") as server:
        settings.REDIS_URL = server.url
        _connect_anew()
        open_empty(batch_store())
        yield server
    _connect_anew()


class Mortal(RescoringStep):
    """Can be killed: its thread is gone as a process is after SIGKILL."""

    def _guard(self) -> None:
        with suppress(Killed):
            super()._guard()


def _connect_anew() -> None:
    sync_store.cache_clear()
    batch_store.cache_clear()


@pytest.fixture
def api(client, monkeypatch) -> Caller:
    publish(BUSY)
    install(monkeypatch, CountModel())
    return Caller(client, issue_key(name="shop", scopes=["decide", "read"]))


@pytest.fixture
def task_worker(monkeypatch) -> Callable:
    """The steps of the task worker as threads, with the relay in this one."""
    monkeypatch.setattr(worker, "RELAY_SECONDS", 0.05)
    monkeypatch.setattr(thread_step, "RETRY_SECONDS", 0.05)

    @contextmanager
    def run() -> Iterator[None]:
        steps = [FeaturesStep(None), Mortal(None)]
        for step in steps:
            step.start(None)
        try:
            yield
        finally:
            for step in steps:
                step.stop(None)

    return run


def empty(server: ValkeyServer, home) -> None:
    for file in (home / "valkey" / "data").rglob("*"):
        if file.is_file():
            file.unlink()


def store_answers() -> bool:
    try:
        sync_store().generation()
    except FeatureStoreError:
        return False
    return True


@pytest.mark.parametrize("is_emptied", [False, True])
def test_payments_of_an_outage_are_scored_again_and_get_their_cases(server, api, task_worker, tmp_path, is_emptied):
    for number in range(2):
        api.post(DECISIONS, body_of(transaction_id=f"before-{number}"))
    server.stop()
    for number in range(2):
        answer = api.post(DECISIONS, body_of(transaction_id=f"away-{number}")).json()
        assert (answer["outcome"], answer["degraded"]) == ("approve", ["features"])
    assert RescoringDue.objects.count() == 2
    if is_emptied:
        empty(server, tmp_path)

    with task_worker():
        server.start()
        wait_until(lambda: Rescoring.objects.count() == 2)
    relay_outbox()

    found = Rescoring.objects.order_by("decision_id")
    assert [(row.outcome, row.score, row.missing) for row in found] == [("review", 0.2, []), ("review", 0.3, [])]
    assert not RescoringDue.objects.exists()
    assert Case.objects.get().alert_count == 2
    assert list(FeedEntry.objects.order_by("seq").values_list("decision__transaction_id", flat=True)) == [
        "away-0", "away-1",
    ]  # fmt: skip
    # The store of the calls notices the restart, says so once, and is asked again after a while.
    wait_until(store_answers)
    after = api.post(DECISIONS, body_of(transaction_id="after")).json()
    assert (after["degraded"], after["score"]) == ([], 0.4)
    assert set(Decision.objects.filter(degraded=["features"]).values_list("outcome", flat=True)) == {"approve"}


def test_a_worker_that_is_killed_in_the_middle_leaves_it_to_the_next(server, api, task_worker, monkeypatch):
    server.stop()
    for number in range(3):
        api.post(DECISIONS, body_of(transaction_id=f"away-{number}"))
    server.start()
    calls = []
    write = rescoring.add_to_outbox

    def die_once(*arguments) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise Killed
        write(*arguments)

    monkeypatch.setattr(rescoring, "add_to_outbox", die_once)

    with task_worker():
        wait_until(lambda: calls)
    assert not Rescoring.objects.exists()
    with task_worker():
        wait_until(lambda: Rescoring.objects.count() == 3)
    relay_outbox()

    assert [row.score for row in Rescoring.objects.order_by("decision_id")] == [0.0, 0.1, 0.2]
    assert FeedEntry.objects.count() == 1
