"""Verdicts beyond the cases: the worker that lets them take effect, their topic, and the check of the ledger."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import Verdict, VerdictEffect
from cases.services import verdict_effects, verdicts
from scoring.models import Label, Outbox
from streams.ledger.log import Span
from streams.ledger.report import Check
from streams.ledger.verdicts import check_verdicts
from streams.outbox import relay_outbox
from streams.source import VERDICTS
from streams.worker import VerdictsStep
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_user
from tests.scoring.payments import tampering
from tests.streams.flow import sent_out

pytestmark = pytest.mark.django_db


def decide(at=NOON, verdict="fraud", **others) -> Verdict:
    return verdicts.record(
        case=make_case(),
        analyst=make_user(username=f"analyst{Verdict.objects.count()}"),
        verdict=verdict,
        decided_at=at,
        **others,
    )


def faults(since=None, until=None) -> list[str]:
    check = Check("B", "", "")
    check_verdicts(check, Span(since, until))
    assert len(check.examples) == check.faults
    return check.examples


def test_the_task_worker_lets_verdicts_take_effect(monkeypatch):
    decide(at=now() - MINUTE)
    young = decide(at=now())
    step = VerdictsStep(None)
    settle = verdict_effects.settle_due

    def settle_and_stop(*, now):
        step.stopping.set()
        return settle(now=now)

    monkeypatch.setattr(verdict_effects, "settle_due", settle_and_stop)

    step.work()

    assert Verdict.objects.exclude(id=young.id).get().state == "done"
    young.refresh_from_db()
    assert young.state == "waiting"


def test_the_payment_system_reads_what_to_do_on_the_topic(published):
    said = decide(verdict="legitimate")
    verdict_effects.settle_due(now=NOON + MINUTE)
    relay_outbox()

    (message,) = sent_out(published, VERDICTS)
    assert message == {
        "transaction_id": said.payments.get().decision.transaction_id,
        "case_id": str(said.case_id),
        "verdict": "legitimate",
        "action": "release",
        "decided_at": "2026-11-20T12:00:00Z",
        "by": "analyst",
    }
    assert not Outbox.objects.filter(topic="verdicts").exists()


def test_the_ledger_holds_when_verdicts_take_effect_in_time():
    decide(block_days=1)
    verdict_effects.settle_due(now=NOON + MINUTE)
    decide(at=now())

    assert faults() == []


def test_a_verdict_that_does_not_take_effect_is_found():
    said = decide()

    assert faults() == [f"verdict {said.id} should have taken effect more than a minute ago"]


def test_a_missing_label_is_found():
    said = decide()
    verdict_effects.settle_due(now=NOON + MINUTE)
    with tampering():
        Label.objects.all().delete()

    assert faults() == [f"verdict {said.id} is in effect, and a label of it is missing"]


def test_an_effect_of_its_own_time_is_found():
    left, kept = decide(at=now()), decide()
    verdict_effects.settle_due(now=NOON + MINUTE)
    VerdictEffect.objects.filter(verdict=left, kind="label").update(left_at=NOON)
    VerdictEffect.objects.filter(verdict=kept, kind="label").update(left_at=None)

    assert faults() == [
        f"verdict {kept.id} is in effect, and an effect of it has not left",
        f"verdict {left.id} is not in effect, and an effect of it has left",
    ]


def test_a_span_leaves_out_what_was_said_before_and_after():
    decide()

    assert faults(since=NOON + HOUR) == faults(until=NOON - timedelta(seconds=1)) == []
    assert len(faults(since=NOON, until=NOON + DAY)) == 1
