"""What is a failure of the database where payments are decided, and what is an answer of one that is there."""

from contextlib import ExitStack

import pytest
from django.db import OperationalError, connection, transaction

from scoring.services import decider

pytestmark = pytest.mark.django_db(transaction=True)

DECIDE = "decide_transactions"


@pytest.fixture(autouse=True)
def _nobody_is_left(transactional_db):
    connection.close()
    decider.forget_outages()
    yield
    decider.forget_outages()
    connection.close()


@pytest.fixture
def drained(transactional_db, monkeypatch):
    """How often all connections of the pool were given up."""
    drain, times = connection.pool.drain, []
    monkeypatch.setattr(connection.pool, "drain", lambda: times.append(1) or drain())
    return times


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("state", ["57014", "55P03", "40P01"])
def test_a_statement_that_was_cancelled_or_found_a_lock_is_no_failure_of_the_database(state, drained, monkeypatch):
    error = f"DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{state}'; END $$"
    monkeypatch.setattr(decider, DECIDE, lambda arrivals, *, writer: run(error))

    for _ in range(4):
        with pytest.raises(OperationalError, match="busy"):
            decider.decide_for_callers([])

    assert drained == []
    assert not connection.connection.closed


def test_a_session_that_was_ended_is_a_failure_and_no_other_connection_is_trusted(drained, monkeypatch):
    ended = "SELECT pg_terminate_backend(pg_backend_pid())"
    monkeypatch.setattr(decider, DECIDE, lambda arrivals, *, writer: run(ended))

    for said in ("terminating", "terminating", "failed just before"):
        with pytest.raises(OperationalError, match=said):
            decider.decide_for_callers([])

    assert drained == [1, 1]
    assert connection.connection is None


def test_connections_that_are_all_in_use_are_no_failure_of_the_database(monkeypatch):
    monkeypatch.setattr(decider, DECIDE, lambda arrivals, *, writer: [])
    monkeypatch.setattr(connection.pool, "timeout", 0.1)

    with ExitStack() as others:
        for _ in range(connection.pool.max_size):
            others.enter_context(connection.pool.connection(timeout=10.0))
        for _ in range(4):
            with pytest.raises(OperationalError, match="couldn't get a connection"):
                decider.decide_for_callers([])

    assert decider.decide_for_callers([]) == []


@pytest.fixture
def nobody_there(monkeypatch):
    """No connection can be made any more, and none is left."""
    connection.close_pool()
    monkeypatch.setitem(connection.pool.kwargs, "port", "1")
    monkeypatch.setattr(connection.pool, "timeout", 0.1)
    yield
    connection.close_pool()


def test_a_database_that_takes_no_connection_is_asked_once_a_second_only(nobody_there):
    for said in ("couldn't get", "couldn't get", "failed just before"):
        with pytest.raises(OperationalError, match=said):
            decider.decide_for_callers([])
