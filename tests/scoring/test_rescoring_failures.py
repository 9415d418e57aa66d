"""A rule that fails when a payment is scored again is on record and counted, as when it is decided."""

import pytest
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.metrics import RULE_FAILURES
from scoring.models import Rescoring
from scoring.rules.language import Condition
from scoring.services import policy, rescoring
from scoring.services.policy import forget_policy
from tests.scoring.degraded import decide
from tests.scoring.payments import AmountModel, make_payment, publish

pytestmark = pytest.mark.django_db


def failing(columns):
    raise FloatingPointError


def counted() -> float:
    return RULE_FAILURES.labels("large")._value.get()


def test_a_rule_that_fails_when_a_payment_is_scored_again_is_on_record(monkeypatch, django_capture_on_commit_callbacks):
    publish()
    decide(MemoryStore(), make_payment(amount="1"))
    monkeypatch.setattr(rescoring, "champion", AmountModel)
    monkeypatch.setattr(policy, "compile_condition", lambda text: Condition(failing, frozenset()))
    forget_policy()
    before = counted()

    with django_capture_on_commit_callbacks(execute=True):
        rescoring.rescore_due(at=now())

    found = Rescoring.objects.get()
    assert (found.outcome, found.rule_hits, found.rule_failures) == ("review", [], ["huge", "large"])
    assert counted() == before + 1
