"""What Prometheus is told of the desk."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import now
from prometheus_client import CollectorRegistry

from cases.metrics import CaseCollector
from cases.services import verdict_effects, verdicts
from cases.services.queues import default_queue
from tests.factories import HOUR, MINUTE, make_case, make_queue

pytestmark = pytest.mark.django_db


def test_prometheus_is_told_how_many_cases_wait_and_how_many_are_late():
    queue = make_queue()
    make_case(queue=queue, due_at=now() - HOUR)
    make_case(queue=queue, due_at=now() + HOUR)
    registry = CollectorRegistry()
    registry.register(CaseCollector())

    def sample(name, slug):
        return registry.get_sample_value(name, {"queue": slug})

    assert (sample("fraud_cases_open", "large"), sample("fraud_cases_overdue", "large")) == (2, 1)
    assert sample("fraud_cases_open", default_queue().slug) == 0


def test_the_figures_are_among_the_metrics(client, settings):
    settings.METRICS_ARE_OPEN = True
    make_case(queue=make_queue())

    assert b'fraud_cases_open{queue="large"} 1.0' in client.get("/metrics").content


def test_a_verdict_that_does_not_take_effect_is_told(alice):
    registry = CollectorRegistry()
    registry.register(CaseCollector())
    undo = timedelta(seconds=settings.VERDICT_UNDO_SECONDS)
    verdicts.record(case=make_case(), analyst=alice, verdict="fraud", decided_at=now())
    verdicts.record(case=make_case(), analyst=alice, verdict="fraud", decided_at=now() - undo - 2 * MINUTE)

    assert registry.get_sample_value("fraud_verdicts_overdue") == 1

    verdict_effects.settle_due(now=now())
    assert registry.get_sample_value("fraud_verdicts_overdue") == 0
