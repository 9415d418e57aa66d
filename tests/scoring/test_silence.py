"""A database that keeps its connection and says nothing is given up, by those who said for how long they wait."""

import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, transaction

from scoring import silence
from scoring.api import base, health, views
from scoring.services import decider
from scoring.silence import answers_within, bound_all_threads
from tests.silent_database import end_sleepers, sleep

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_is_left(transactional_db):
    decider.forget_outages()
    yield
    decider.forget_outages()
    end_sleepers()


def test_an_answer_that_does_not_come_ends_the_connection_and_the_next_one_works():
    with answers_within(0.2), pytest.raises(OperationalError):
        sleep(20)

    assert connection.connection.closed
    connection.close()
    sleep(0)


def test_an_open_transaction_ends_with_it():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        raw = connection.connection
        with answers_within(0.2), pytest.raises(OperationalError):
            cursor.execute("SELECT pg_sleep(20)")
        transaction.set_rollback(True)

    assert raw.closed


def test_each_answer_has_the_whole_time():
    with answers_within(2.0):
        for _ in range(3):
            sleep(0.9)


def test_an_error_that_is_an_answer_ends_no_connection():
    with answers_within(5.0), pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '55P03'; END $$")

    assert not connection.connection.closed


def test_who_says_nothing_waits_as_before():
    with answers_within(0.2):
        pass

    sleep(0.5)


@pytest.fixture
def unbound(_nobody_is_left) -> Iterator[None]:
    """A process that has said nothing yet; what it says is over before the tables are emptied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(silence, "_of_process", None)
        yield


def test_a_process_can_bound_all_its_threads(unbound):
    bound_all_threads(0.2)
    caught: list[Exception] = []

    def wait() -> None:
        try:
            sleep(20)
        except OperationalError as error:
            caught.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    thread.join()

    assert len(caught) == 1


def test_who_waited_less_for_a_while_waits_as_long_as_the_process_afterwards(unbound):
    with answers_within(5.0), answers_within(2.0):
        pass
    bound_all_threads(0.2)

    with pytest.raises(OperationalError):
        sleep(20)


def fall_silent(arrivals, *, writer):
    sleep(20)


def test_a_database_that_falls_silent_is_given_up_with_all_connections_to_it(monkeypatch):
    connection.close()
    monkeypatch.setattr(decider, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(decider, "decide_transactions", fall_silent)
    with connection.pool.connection() as idle:
        pass

    with pytest.raises(OperationalError):
        decider.decide_for_callers([])

    assert idle.closed
    assert connection.connection is None


def test_a_process_that_falls_silent_does_not_keep_payments_locked(monkeypatch):
    connection.close()
    monkeypatch.setattr(decider, "decide_transactions", lambda arrivals, *, writer: [])

    decider.decide_for_callers([])

    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("4s",)
    connection.pool.drain()
    connection.close()


def test_a_process_whose_database_is_silent_is_not_ready(api, client, monkeypatch, settings):
    settings.DECISION_PATIENCE_SECONDS = 0.2
    monkeypatch.setitem(health._CHECKS, "database", lambda: sleep(20))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["database"] == "down"


def test_who_reads_from_a_silent_database_is_told_to_come_again(api, monkeypatch):
    monkeypatch.setattr(base, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(views, "decisions_of", lambda names: sleep(20))

    response = api.get("/api/v1/decisions/t-1/")

    assert (response.status_code, response["Retry-After"]) == (503, "1")
