"""Looking at a decided case once more."""

import pytest

from cases.services import reopening, verdict_effects, verdicts
from scoring.models import Label, ListChange, ListEntry
from tests.factories import HOUR, MINUTE, NOON, flag, make_case, make_decision

LATER = NOON + 5 * HOUR


def decide(case, analyst, verdict="fraud", at=NOON, **others):
    verdicts.record(case=case, analyst=analyst, verdict=verdict, decided_at=at, **others)
    verdict_effects.settle_due(now=at + MINUTE)


def reopen(case, actor):
    reopening.reopen(case=case, actor=actor, reason="the customer called", now=LATER)


def test_a_reopened_case_is_open_claimed_and_has_new_time(alice, bob, case):
    decide(case, alice)

    reopen(case, bob)

    case.refresh_from_db()
    assert (case.status, case.verdict, case.claimed_by, case.due_at) == ("open", "", bob, LATER + HOUR)
    assert case.events.get(kind="reopened").text == "the customer called"
    assert list(case.handlings.values_list("analyst", "claimed_at", "ending")) == [(bob.id, LATER, "")]


def test_labels_stand_until_another_verdict_says_otherwise(alice, bob, case):
    decide(case, alice, "fraud")
    reopen(case, bob)
    assert [label.label for label in Label.objects.all()] == ["fraud"]

    decide(case, bob, "legitimate", at=LATER)

    said = list(Label.objects.order_by("known_at").values_list("label", "author"))
    assert said == [("fraud", alice.id), ("legitimate", bob.id)]


def test_the_block_of_the_first_verdict_is_lifted_by_a_legitimate_one(alice, bob, case):
    decide(case, alice, block_days=30)
    assert ListEntry.objects.exists()
    reopen(case, bob)

    decide(case, bob, "legitimate", at=LATER)

    assert not ListEntry.objects.exists()
    assert list(ListChange.objects.order_by("id").values_list("action", "author")) == [
        ("added", alice.id),
        ("removed", bob.id),
    ]
    assert "block of the card lifted" in case.events.filter(kind="effects").last().text


def test_a_block_of_another_case_stays(alice, case):
    decide(case, alice, block_days=30)
    other = make_case(card_id=case.card_id, decisions=[make_decision(card_id=case.card_id)])

    decide(other, alice, "legitimate", at=LATER)

    assert ListEntry.objects.exists()


def test_an_open_case_is_not_reopened(alice, case):
    with pytest.raises(reopening.NotDecidedError):
        reopen(case, alice)


def test_a_verdict_that_can_be_undone_is_not_reopened(alice, bob, case):
    verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)

    with pytest.raises(reopening.NotDecidedError):
        reopen(case, bob)


def test_a_card_with_an_open_case_goes_on_there(alice):
    decided = flag(make_decision())
    decide(decided, alice)
    newer = flag(make_decision())

    with pytest.raises(reopening.HasOpenCaseError) as refusal:
        reopen(decided, alice)

    assert refusal.value.case == newer
    decided.refresh_from_db()
    assert decided.status == "decided"


def test_a_case_of_before_verdicts_were_rows_is_reopened(bob):
    case = make_case(status="decided", verdict="fraud", decided_at=NOON)

    reopen(case, bob)

    case.refresh_from_db()
    assert case.status == "open"
