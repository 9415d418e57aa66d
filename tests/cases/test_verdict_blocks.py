"""Devices and addresses that a fraud verdict blocks, and a legitimate one lets go."""

import pytest
from django.utils.timezone import now

from cases.services import verdict_effects
from cases.services.reopening import reopen
from scoring.features.live import MemoryStore
from scoring.models import ListEntry
from tests.cases.verdicts_settled import decide, settle
from tests.factories import DAY, MINUTE, NOON, make_case, make_decision
from tests.scoring.degraded import decide as decide_payments
from tests.scoring.payments import make_payment, publish


def blocked():
    return set(ListEntry.objects.filter(list="block").values_list("entity", "value", "source"))


def test_a_fraud_verdict_blocks_device_and_address_when_ticked(alice):
    case = make_case(decisions=[make_decision(device_id="phone", ip_address="::ffff:192.0.2.9")])
    decide(case, alice, block_days=7, block_device="phone", block_ip="::ffff:192.0.2.9")

    settle()

    assert blocked() == {
        ("card", case.card_id, "verdict"),
        ("device", "phone", "verdict"),
        ("ip", "192.0.2.9", "verdict"),
    }
    assert set(ListEntry.objects.values_list("expires_at", flat=True)) == {NOON + MINUTE + 7 * DAY}
    assert "device blocked until 27 Nov 2026 12:01 UTC" in case.events.get(kind="effects").text


def test_device_and_address_are_blocked_for_thirty_days_where_the_card_is_not(alice):
    case = make_case(decisions=[make_decision(device_id="phone")])
    decide(case, alice, block_device="phone")

    settle()

    assert ListEntry.objects.get().expires_at == NOON + MINUTE + 30 * DAY


@pytest.mark.parametrize("chosen", [{"block_device": "somebody's"}, {"block_ip": "198.51.100.1"}, {"block_ip": "x\0"}])
def test_nothing_is_blocked_that_no_payment_of_the_verdict_came_from(alice, case, chosen):
    decide(case, alice, **chosen)

    settle()

    assert not ListEntry.objects.exists()


def test_only_a_fraud_verdict_blocks_devices_and_addresses(alice):
    case = make_case(decisions=[make_decision(device_id="phone")])
    decide(case, alice, "legitimate", block_device="phone", block_ip="192.0.2.7")

    settle()

    assert not ListEntry.objects.exists()


def test_a_legitimate_verdict_lifts_all_that_the_case_blocked(alice):
    case = make_case(decisions=[make_decision(device_id="phone", ip_address="192.0.2.9")])
    decide(case, alice, block_days=7, block_device="phone", block_ip="192.0.2.9")
    settle()
    reopen(case=case, actor=alice, reason="wrong", now=NOON + 2 * MINUTE)

    decide(case, alice, "legitimate", decided_at=NOON + 3 * MINUTE)
    settle(5 * MINUTE)

    assert blocked() == set()
    said = case.events.filter(kind="effects").last().text
    assert "block of the card lifted, block of the device lifted, block of the address lifted" in said


def test_a_device_that_another_fraud_case_blocks_stays_blocked(alice):
    cases = [make_case(decisions=[make_decision(device_id="phone", card_id=f"card-{n}")]) for n in range(2)]
    for case in cases:
        decide(case, alice, block_days=7, block_device="phone")
    settle()
    shown = ListEntry.objects.get(entity="device").reason
    wrong, other = sorted(cases, key=lambda case: str(case.id) not in shown)
    reopen(case=wrong, actor=alice, reason="wrong", now=NOON + 2 * MINUTE)

    decide(wrong, alice, "legitimate", decided_at=NOON + 3 * MINUTE)
    settle(5 * MINUTE)

    assert str(other.id) in ListEntry.objects.get(entity="device").reason
    assert f"device stays blocked until 27 Nov 2026 12:01 UTC by case {other.id}" in (
        wrong.events.filter(kind="effects").last().text
    )


@pytest.mark.parametrize(
    ("chosen", "payment"),
    [
        ({"block_days": 7}, {"card_id": "card-x"}),
        ({"block_device": "phone"}, {"device_id": "phone"}),
        ({"block_ip": "192.0.2.9"}, {"ip_address": "192.0.2.9"}),
    ],
)
def test_the_next_payment_after_a_settled_verdict_is_declined(alice, chosen, payment):
    publish()
    case = make_case(decisions=[make_decision(card_id="card-x", device_id="phone", ip_address="192.0.2.9")])
    decide(case, alice, decided_at=now() - MINUTE, **chosen)
    (before,) = decide_payments(MemoryStore(), make_payment(**payment))

    assert verdict_effects.settle_due(now=now()) == 1

    (after,) = decide_payments(MemoryStore(), make_payment(**payment))
    assert (before.outcome, after.outcome) == ("approve", "decline")
