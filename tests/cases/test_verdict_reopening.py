"""Looking at a decided case once more."""

import pytest

from cases.models import Case
from cases.queries.related import with_label
from cases.services import reopening, verdict_effects, verdicts
from scoring.models import Decision, Label, ListChange, ListEntry
from scoring.services.lists import add_list_entry
from tests.factories import DAY, HOUR, MINUTE, NOON, flag, make_case, make_decision

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


def test_a_verdict_that_says_nothing_takes_the_label_back(alice, bob, case):
    decide(case, alice, "fraud")
    reopen(case, bob)

    decide(case, bob, "inconclusive", at=LATER)

    said = list(Label.objects.order_by("known_at").values_list("label", "author", "known_at"))
    assert said == [("fraud", alice.id, NOON), ("withdrawn", bob.id, LATER)]
    assert "1 payment without a label again" in case.events.filter(kind="effects").last().text
    assert with_label(Decision.objects.all()).get().label is None


def test_a_payment_that_another_verdict_leaves_out_loses_its_label_and_others_keep_theirs(alice, bob, case):
    card = case.card_id
    recent = [make_decision(card_id=card, outcome="approve", occurred_at=NOON - number * HOUR) for number in (1, 2)]
    decide(case, alice, "fraud", include_recent=True)
    elsewhere = make_case(decisions=[make_decision(card_id="card-other")])
    decide(elsewhere, alice, "fraud", at=NOON + MINUTE)
    reopen(case, bob)

    decide(case, bob, "fraud", at=LATER, include_recent=True, recent=[recent[0].id])

    newest = {row.decision_id: row.label for row in Label.objects.order_by("known_at", "id")}
    assert newest[recent[0].id] == "fraud"
    assert newest[recent[1].id] == "withdrawn"
    assert newest[elsewhere.alerts.get().decision_id] == "fraud"


def test_what_was_never_labelled_is_not_taken_back(alice, bob, case):
    decide(case, alice, "inconclusive")
    reopen(case, bob)

    decide(case, bob, "inconclusive", at=LATER)

    assert not Label.objects.exists()


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


@pytest.fixture
def two_frauds(alice, bob, case):
    """Two cases of a card that both were fraud and block it, for 30 and for 90 days; the second is opened again."""
    decide(case, alice, block_days=30)
    other = make_case(card_id=case.card_id, decisions=[make_decision(card_id=case.card_id)])
    decide(other, alice, block_days=90)
    assert str(other.id) in ListEntry.objects.get().reason
    reopen(other, bob)
    return case, other


def test_a_block_that_another_fraud_verdict_wants_stays_with_its_own_end(bob, two_frauds):
    fraud, wrong = two_frauds

    decide(wrong, bob, "legitimate", at=LATER)

    entry = ListEntry.objects.get()
    assert (entry.reason, entry.expires_at) == (f"Verdict fraud, case {fraud.id}", NOON + MINUTE + 30 * DAY)
    said = f"card stays blocked until 20 Dec 2026 12:01 UTC by case {fraud.id}"
    assert said in wrong.events.filter(kind="effects").last().text


def test_a_block_whose_other_case_is_fraud_no_more_is_lifted(bob, two_frauds):
    fraud, wrong = two_frauds
    Case.objects.filter(id=fraud.id).update(verdict="inconclusive")

    decide(wrong, bob, "legitimate", at=LATER)

    assert not ListEntry.objects.exists()


def test_a_block_that_was_taken_off_by_hand_does_not_come_back(bob, mia, two_frauds):
    fraud, wrong = two_frauds
    ListChange.objects.create(
        action="removed", list_id="block", entity="card", value=fraud.card_id, author=mia, happened_at=NOON + HOUR
    )

    decide(wrong, bob, "legitimate", at=LATER)

    assert not ListEntry.objects.exists()


@pytest.mark.parametrize("end", [None, NOON + DAY])
def test_a_block_put_on_by_hand_stays_as_it_is_whatever_verdicts_say(alice, bob, mia, case, end):
    add_list_entry(list_name="block", entity="card", value=case.card_id, reason="police", expires_at=end, author=mia)
    decide(case, alice, block_days=30)
    assert "card stood on the block list by hand and stays as it is" in case.events.get(kind="effects").text
    reopen(case, bob)

    decide(case, bob, "legitimate", at=LATER)

    entry = ListEntry.objects.get()
    assert (entry.reason, entry.expires_at, entry.author) == ("police", end, mia)


def test_a_block_put_on_by_hand_that_is_over_makes_way(alice, mia, case):
    add_list_entry(list_name="block", entity="card", value=case.card_id, reason="police", expires_at=NOON, author=mia)

    decide(case, alice, block_days=30)

    assert ListEntry.objects.get().reason == f"Verdict fraud, case {case.id}"


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
