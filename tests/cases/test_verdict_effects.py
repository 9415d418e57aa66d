"""What verdicts cause: once, when their time has come, whoever dies."""

import json
from datetime import timedelta
from functools import partial

import msgspec
import pytest
from django.db import OperationalError, connection

from cases.models import CaseEvent, Verdict, VerdictEffect
from cases.services import verdict_effects
from scoring.models import Label, ListChange, ListEntry, Outbox
from scoring.services.lists import add_list_entry
from tests.cases.test_alerts import in_threads
from tests.cases.verdicts_settled import decide, settle
from tests.factories import DAY, MINUTE, NOON, make_case, make_decision, make_user

SECONDS = timedelta(seconds=1)
OTHERS = "Verdict fraud, case 00000000-0000-4000-8000-000000000000"


def messages():
    """What was left for the topic `verdicts`: key and message of each."""
    rows = Outbox.objects.filter(topic="verdicts").order_by("id")
    return [(key, json.loads(body)) for row in rows for key, body in msgspec.msgpack.decode(bytes(row.payload))]


def test_nothing_leaves_before_its_time(alice, case):
    decide(case, alice, block_days=30)

    assert settle(19 * SECONDS) == 0
    assert not Label.objects.exists()
    assert not ListEntry.objects.exists()
    assert not Outbox.objects.exists()

    assert settle(20 * SECONDS) == 1
    assert Label.objects.exists()
    assert ListEntry.objects.exists()


def test_a_label_is_known_since_it_was_said(alice, case):
    decide(case, alice)

    settle(5 * MINUTE)

    assert Label.objects.get().known_at == NOON


def test_a_second_look_changes_nothing(alice, case):
    decide(case, alice, block_days=30)
    settle()
    before = list(ListChange.objects.values()), list(VerdictEffect.objects.values()), list(CaseEvent.objects.values())

    assert settle(2 * MINUTE) == 0

    assert (
        list(ListChange.objects.values()), list(VerdictEffect.objects.values()), list(CaseEvent.objects.values())
    ) == before  # fmt: skip
    assert Label.objects.count() == 1


def test_a_fraud_verdict_blocks_the_card_for_as_long_as_was_chosen(alice, case):
    decide(case, alice, block_days=30)

    settle()

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.entity, entry.value, entry.author) == ("block", "card", case.card_id, alice)
    assert entry.expires_at == NOON + MINUTE + 30 * DAY
    assert str(case.id) in entry.reason
    assert ListChange.objects.get().author == alice
    assert "card blocked until 20 Dec 2026 12:01 UTC" in case.events.get(kind="effects").text


def test_a_block_for_ever_ends_by_nobody(alice, case):
    decide(case, alice, block_days=0)

    settle()

    assert ListEntry.objects.get().expires_at is None


def test_a_longer_block_of_another_verdict_is_not_cut_short(alice, mia, case):
    add_list_entry(list_name="block", entity="card", value=case.card_id, reason=OTHERS, expires_at=None, author=mia)
    decide(case, alice, block_days=1)

    settle()

    entry = ListEntry.objects.get()
    assert (entry.reason, entry.expires_at) == (OTHERS, None)
    assert "stood on the block list already, for ever" in case.events.get(kind="effects").text


@pytest.mark.parametrize("verdict", ["legitimate", "inconclusive"])
def test_only_a_fraud_verdict_blocks(alice, case, verdict):
    decide(case, alice, verdict, block_days=30)

    settle()

    assert not ListEntry.objects.exists()


def test_a_legitimate_verdict_lets_the_device_through(alice):
    case = make_case(decisions=[make_decision(device_id="phone")])
    decide(case, alice, "legitimate", allow_device="phone")

    settle()

    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.entity, entry.value, entry.author) == ("allow", "device", "phone", alice)
    assert entry.expires_at == NOON + MINUTE + 30 * DAY


def test_a_device_of_no_payment_of_the_verdict_is_not_let_through(alice, case):
    decide(case, alice, "legitimate", allow_device="somebody's")

    settle()

    assert not ListEntry.objects.exists()


def test_the_payment_system_is_told_of_held_payments(alice):
    held, own = make_decision(), make_decision()
    declined = make_decision(outcome="decline")
    case = make_case(decisions=[held, own, declined])

    decide(case, alice, overrides={own.id: "legitimate"})
    settle()

    said = {"case_id": str(case.id), "decided_at": "2026-11-20T12:00:00Z", "by": "analyst"}
    assert messages() == [
        (case.card_id, {"transaction_id": held.transaction_id, "verdict": "fraud", "action": "refuse", **said}),
        (case.card_id, {"transaction_id": own.transaction_id, "verdict": "legitimate", "action": "release", **said}),
    ]
    assert "1 payment refused, 1 payment released" in case.events.get(kind="effects").text


def test_without_held_payments_nobody_is_told(alice):
    decide(make_case(decisions=[make_decision(outcome="decline")]), alice)

    settle()

    assert messages() == []


def test_an_inconclusive_verdict_causes_nothing(alice, case):
    decide(case, alice, "inconclusive")

    assert settle() == 1

    assert not VerdictEffect.objects.exists()
    assert not case.events.filter(kind="effects").exists()


def test_one_that_fails_is_tried_again_and_holds_up_no_other(alice, monkeypatch, caplog):
    cases = [make_case(), make_case()]
    first, second = [decide(case, alice) for case in cases]
    real = verdict_effects.record_labels

    def fail(statements, **by):
        if statements[0].transaction_id == cases[0].alerts.get().decision.transaction_id:
            raise OperationalError("no ledger")
        return real(statements, **by)

    with monkeypatch.context() as broken:
        broken.setattr(verdict_effects, "record_labels", fail)
        assert settle() == 1
    first.refresh_from_db()
    assert first.state == Verdict.State.WAITING
    assert f"verdict {first.id} could not take effect" in caplog.text

    assert settle() == 1
    assert Label.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_in_the_middle_leaves_all_to_the_next(monkeypatch):
    case = make_case()
    decide(case, make_user(), block_days=30)

    def die(topic, ids, payload=b""):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as dying:
        # The message to the payment system is the last effect: labels and block are written by then.
        dying.setattr(verdict_effects, "add_to_outbox", die)
        assert in_threads(settle) == [0]
    assert not Label.objects.exists()
    assert not ListEntry.objects.exists()
    assert Verdict.objects.get().state == Verdict.State.WAITING

    assert settle() == 1
    assert (Label.objects.count(), ListEntry.objects.count(), len(messages())) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_look_at_once_one_lets_each_effect_leave():
    alice = make_user()
    cases = [make_case() for _ in range(12)]
    for case in cases:
        decide(case, alice, block_days=7)

    settled = in_threads(*[partial(settle)] * 4)

    assert sum(settled) == 12
    assert Label.objects.count() == ListEntry.objects.count() == ListChange.objects.count() == len(messages()) == 12
    assert CaseEvent.objects.filter(kind="effects").count() == 12
