"""A thread that looks whether policy or champion changed, and is not answered, holds up nobody else."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from scoring.services import line_up, models, policy
from tests.scoring.payments import publish
from tests.scoring.test_train_model import record_history, train_two

pytestmark = pytest.mark.django_db(transaction=True)


def beside_a_silent_look(get: Callable[[], object]) -> tuple[object, object]:
    """What others are given while one who looks is not answered, and what that one has in the end."""
    asks, may_answer = threading.Event(), threading.Event()

    def wait(execute, sql, params, many, context):
        asks.set()
        assert may_answer.wait(30)
        return execute(sql, params, many, context)

    def look() -> object:
        try:
            with connection.execute_wrapper(wait):
                return get()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(look)
        try:
            assert asks.wait(10)
            others = pool.submit(get).result(timeout=10)
        finally:
            may_answer.set()
        return others, looking.result()


def test_the_last_policy_decides_while_one_thread_looks_for_the_next(monkeypatch):
    publish()
    known = policy.policy_in_force()
    publish(based_on=1)
    monkeypatch.setattr(policy, "RECHECK_SECONDS", 0.0)

    others, looking = beside_a_silent_look(policy.policy_in_force)

    assert others is known
    assert looking.version == 2


def test_the_last_champion_scores_while_one_thread_looks_for_the_next():
    record_history()
    _, candidate = train_two()
    known = models.champion()
    models.promote_model(candidate.version)

    others, looking = beside_a_silent_look(models.champion)

    assert others is known is not None
    assert looking.version == candidate.version


def test_where_there_was_no_champion_none_is_waited_for(monkeypatch):
    assert models.champion() is None
    monkeypatch.setattr(line_up, "RECHECK_SECONDS", 0.0)

    assert beside_a_silent_look(models.champion) == (None, None)


def test_a_process_that_knows_no_policy_yet_waits_for_it():
    publish()
    asked, found = threading.Barrier(3), []

    def get() -> None:
        asked.wait(10)
        try:
            found.append(policy.policy_in_force().version)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=get) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [1, 1, 1]
