"""Rescorings in `/metrics`, from the record."""

from datetime import timedelta

import pytest
from django.db.models import F

from scoring.features.live import MemoryStore
from scoring.models import RescoringDue
from streams import rescoring_metrics
from streams.rescoring_metrics import RescoringCollector
from tests.scoring.degraded import BUSY, CountModel, come_back, decide, install, nowhere, some
from tests.scoring.payments import publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db, monkeypatch) -> None:
    publish(BUSY)
    install(monkeypatch, CountModel())


def shown() -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in RescoringCollector().collect()
        for sample in family.samples
    }


def test_what_was_scored_again_is_counted_by_outcome():
    decide(nowhere(), *some(3))

    come_back(MemoryStore())

    told = shown()
    assert {outcome: told["fraud_rescored_total", outcome] for outcome in ("approve", "review", "decline")} == {
        "approve": 2, "review": 1, "decline": 0,
    }  # fmt: skip
    assert told["fraud_rescoring_waiting",] == told["fraud_rescoring_oldest_seconds",] == 0


def test_what_waits_is_counted_with_its_age(monkeypatch):
    decide(nowhere(), *some(3))
    RescoringDue.objects.update(created_at=F("created_at") - timedelta(minutes=5))

    assert shown()["fraud_rescoring_waiting",] == 3
    assert 300 <= shown()["fraud_rescoring_oldest_seconds",] < 400

    monkeypatch.setattr(rescoring_metrics, "MOST_COUNTED", 2)
    assert shown()["fraud_rescoring_waiting",] == 2
