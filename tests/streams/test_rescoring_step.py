"""The step of the task worker that scores again: alone, beside others, and with a model that fails."""

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.models import Rescoring, RescoringDue
from scoring.services import rescoring
from scoring.services.features import settle_features
from streams import worker
from streams.thread_step import is_passing
from streams.worker import RescoringStep
from tests.cases.test_alerts import in_threads
from tests.scoring.degraded import BUSY, CountModel, decide, install, nowhere, some
from tests.scoring.payments import publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _waiting(db, monkeypatch) -> None:
    """Five payments whose features are back."""
    publish(BUSY)
    install(monkeypatch, CountModel())
    monkeypatch.setattr(worker, "RELAY_SECONDS", 0.01)
    decide(nowhere(), *some(5))
    settle_features("", store=MemoryStore())


@pytest.fixture
def step(monkeypatch) -> RescoringStep:
    """Stops once nothing waits."""
    step, rescore = RescoringStep(None), rescoring.rescore_due

    def rescore_and_look(*, at):
        if not RescoringDue.objects.exists():
            step.stopping.set()
        return rescore(at=at)

    monkeypatch.setattr(rescoring, "rescore_due", rescore_and_look)
    return step


def test_it_goes_on_until_nothing_waits(step, monkeypatch):
    monkeypatch.setattr(rescoring, "ROWS_AT_ONCE", 2)

    step.work()

    assert Rescoring.objects.count() == 5


def test_what_goes_wrong_once_does_not_end_the_worker(step, monkeypatch, caplog):
    look_up, failures = rescoring.list_hits, [ValueError("odd")]

    def fail_once(*arguments, **options):
        if failures:
            raise failures.pop()
        return look_up(*arguments, **options)

    monkeypatch.setattr(rescoring, "list_hits", fail_once)

    step.work()

    assert "could not be scored again" in caplog.text
    assert Rescoring.objects.count() == 5


def test_one_that_cannot_be_scored_waits_on_and_does_not_hold_up_the_others(step, monkeypatch, caplog):
    decide_all, bad = rescoring.decide, RescoringDue.objects.earliest("decision_id").decision

    def fail_for_one(transactions, *arguments, **options):
        if bad.transaction_id in {one.transaction_id for one in transactions}:
            if len(transactions) == 1:
                step.stopping.set()
            raise ValueError("a vector of another length")
        return decide_all(transactions, *arguments, **options)

    monkeypatch.setattr(rescoring, "decide", fail_for_one)

    step.work()

    assert f"decision {bad.id} cannot be scored again" in caplog.text
    assert Rescoring.objects.count() == 4
    assert RescoringDue.objects.get().decision == bad


def test_a_database_that_is_away_is_left_to_the_guard(step, monkeypatch):
    def fail(*, at):
        raise OperationalError("away")

    monkeypatch.setattr(rescoring, "rescore_due", fail)

    with pytest.raises(OperationalError) as error:
        step.work()
    assert is_passing(error.value)


@pytest.mark.django_db(transaction=True)
def test_several_workers_at_once_score_each_once(monkeypatch):
    monkeypatch.setattr(rescoring, "ROWS_AT_ONCE", 1)

    results = in_threads(*[lambda: rescoring.rescore_due(at=now())] * 8)

    assert sorted(results) == [0] * 3 + [1] * 5
    assert (Rescoring.objects.count(), RescoringDue.objects.count()) == (5, 0)
