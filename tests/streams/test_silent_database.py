"""Workers give up a database that keeps its connections and says nothing."""

from collections.abc import Iterator
from importlib import import_module

import psycopg
import pytest
from celery.signals import worker_init
from django.conf import settings
from django.db import OperationalError, connection
from psycopg.conninfo import make_conninfo

from scoring import silence
from streams import outbox, worker
from streams.worker import OutboxRelayStep, VerdictsStep
from tests.silent_database import end_sleepers, sleep

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_is_left(transactional_db):
    yield
    end_sleepers()


@pytest.fixture
def started(_nobody_is_left) -> Iterator[None]:
    """What a worker does as it starts, with less patience; over before the tables are emptied."""
    celery = import_module("fraudapp.celery")
    receivers = {receiver() for _, receiver in worker_init.receivers}
    assert celery._give_up_silence in receivers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(silence, "_of_process", None)
        patch.setattr(celery, "WORKER_SILENCE_SECONDS", 0.2)
        celery._give_up_silence(sender=None)
        yield


def test_a_worker_that_starts_bounds_all_that_it_asks_the_database(started):
    with pytest.raises(OperationalError):
        sleep(20)


def test_a_step_goes_on_with_new_connections(started, monkeypatch):
    step, waited = VerdictsStep(None), []
    monkeypatch.setattr(step, "work", lambda: sleep(20))
    monkeypatch.setattr(step.stopping, "wait", waited.append)
    connection.close()
    with connection.pool.connection() as idle:
        pass

    step._try()

    assert waited == [worker.RETRY_SECONDS]
    assert idle.closed
    sleep(0)


class Dumb(silence.BoundedConnection):
    """The gateway took the question that was to tell whether anybody is there, and forgot it."""

    def execute(self, query, *arguments, **options):
        return super().execute(query or "SELECT pg_sleep(20)", *arguments, **options)


def listen(monkeypatch, kind: type[silence.BoundedConnection]) -> OutboxRelayStep:
    """A relay whose listener is of this kind; it ends after three turns."""
    url = make_conninfo(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"])
    monkeypatch.setattr(settings, "DATABASE_URL", url)
    monkeypatch.setattr(worker, "BoundedConnection", kind)
    monkeypatch.setattr(worker, "RELAY_SECONDS", 0.05)
    step, turns = OutboxRelayStep(None), []

    def relay() -> int:
        turns.append(1)
        if len(turns) == 3:
            step.stopping.set()
        return 0

    monkeypatch.setattr(outbox, "relay_outbox", relay)
    return step


def test_a_listener_that_hears_nothing_asks_whether_anybody_is_there(monkeypatch):
    monkeypatch.setattr(worker, "SILENCE_SECONDS", 0.2)

    with pytest.raises(psycopg.OperationalError):
        listen(monkeypatch, Dumb).work()


def test_a_listener_that_nobody_calls_goes_on_listening(monkeypatch):
    step = listen(monkeypatch, silence.BoundedConnection)

    step.work()

    assert step.stopping.is_set()
