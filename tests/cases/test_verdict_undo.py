"""Taking a verdict back: before its effects leave, by who said it, and never half."""

from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings as project

from cases.models import Case, FeedEntry, Verdict
from cases.models.headline import HEADLINE_FIELDS
from cases.services import alerts, claims, reopening, verdict_effects, verdicts
from scoring.models import Label, ListEntry
from tests.cases.test_alerts import in_threads
from tests.factories import DAY, MINUTE, NOON, flag, make_case, make_decision, make_user

SECONDS = timedelta(seconds=1)
LEASE = timedelta(seconds=project.CLAIM_LEASE_SECONDS)


def decide(case, analyst, verdict="fraud", **others):
    return verdicts.record(case=case, analyst=analyst, verdict=verdict, **{"decided_at": NOON} | others)


def undo(verdict, analyst, after=5 * SECONDS):
    return reopening.undo(verdict=verdict, analyst=analyst, now=NOON + after)


def handlings(case):
    return list(case.handlings.order_by("id").values_list("analyst__username", "claimed_at", "ended_at", "ending"))


def test_an_undone_verdict_leaves_no_trace_but_the_history(alice, case):
    verdict = decide(case, alice, block_days=30)

    undo(verdict, alice)

    case.refresh_from_db()
    assert (case.status, case.verdict, case.decided_by, case.decided_at) == ("open", "", None, None)
    assert verdict_effects.settle_due(now=NOON + MINUTE) == 0
    assert not Label.objects.exists()
    assert not ListEntry.objects.exists()
    assert [event.kind for event in case.events.order_by("id")] == ["opened", "verdict", "undone"]


def test_the_case_is_the_analysts_again_and_their_time_goes_on(alice, case):
    claims.claim(case=case, analyst=alice, now=NOON - MINUTE)
    verdict = decide(case, alice)

    undo(verdict, alice)

    case.refresh_from_db()
    assert (case.claimed_by, case.claimed_until) == (alice, NOON + 5 * SECONDS + LEASE)
    assert handlings(case) == [("alice", NOON - MINUTE, None, "")]
    decide(case, alice, decided_at=NOON + MINUTE)
    assert handlings(case) == [("alice", NOON - MINUTE, NOON + MINUTE, "verdict")]


def test_who_had_no_claim_gets_one(alice, case):
    undo(decide(case, alice), alice)

    assert handlings(case) == [("alice", NOON + 5 * SECONDS, None, "")]


def test_nobody_takes_back_what_another_said(alice, bob, case):
    verdict = decide(case, alice)

    with pytest.raises(reopening.NotTheirsError):
        undo(verdict, bob)

    case.refresh_from_db()
    assert case.status == "decided"


def test_what_has_taken_effect_is_not_taken_back(alice, case):
    verdict = decide(case, alice)
    verdict_effects.settle_due(now=NOON + MINUTE)

    with pytest.raises(reopening.TooLateError):
        undo(verdict, alice, after=MINUTE)

    case.refresh_from_db()
    assert case.status == "decided"


def test_a_verdict_whose_effects_are_late_can_still_be_taken_back(alice, case):
    verdict = decide(case, alice)

    undo(verdict, alice, after=MINUTE)

    assert verdict_effects.settle_due(now=NOON + 2 * MINUTE) == 0


def test_an_undo_is_done_once(alice, case):
    verdict = decide(case, alice)
    undo(verdict, alice)

    with pytest.raises(reopening.TooLateError):
        undo(verdict, alice)

    assert case.events.filter(kind="undone").count() == 1


def test_a_case_can_be_decided_and_undone_again_and_again(alice, case):
    for _ in range(2):
        undo(decide(case, alice), alice)
    decide(case, alice, "legitimate")

    verdict_effects.settle_due(now=NOON + MINUTE)

    states = list(case.verdicts.order_by("id").values_list("state", flat=True))
    assert states == ["undone", "undone", "done"]
    assert Label.objects.get().label == "legitimate"


@pytest.mark.django_db(transaction=True)
def test_of_an_undo_and_the_effects_one_wins():
    alice = make_user()
    for _ in range(25):
        case = make_case()
        verdict = decide(case, alice, block_days=1)

        undone, settled = in_threads(
            partial(undo, verdict, alice), partial(verdict_effects.settle, verdict.id, now=NOON + MINUTE)
        )

        assert settled is isinstance(undone, reopening.TooLateError)
        case.refresh_from_db()
        verdict.refresh_from_db()
        is_labelled = Label.objects.filter(decision__alert__case=case).exists()
        is_blocked = ListEntry.objects.filter(value=case.card_id).exists()
        assert (case.status, verdict.state) == (("decided", "done") if settled else ("open", "undone"))
        assert is_labelled is is_blocked is settled


def test_alerts_that_came_meanwhile_join_the_case_that_is_opened_again(alice):
    old = flag(make_decision())
    verdict = decide(old, alice)
    newer = flag(make_decision(amount=9000), now=NOON + SECONDS)
    newer.events.create(kind="note", happened_at=NOON, text="called")

    case = undo(verdict, alice)

    newer.refresh_from_db()
    case.refresh_from_db()
    assert (newer.status, newer.merged_into, newer.alerts.count()) == ("merged", case, 0)
    assert (case.alert_count, case.alerts.count(), case.amount) == (2, 2, 9000)
    assert case.stake == old.stake + newer.stake
    assert set(FeedEntry.objects.values_list("case", flat=True)) == {case.id}
    assert case.events.filter(text="called").exists()
    assert case.events.get(kind="merged").text == "1 payment of the card's newer case"
    assert [event.kind for event in newer.events.all()] == ["merged"]
    assert flag(make_decision()) == case


@pytest.mark.parametrize(("amount", "of"), [(9000, "new"), (1, "old")])
def test_the_merged_case_is_found_by_the_facts_of_its_largest_payment(alice, amount, of):
    record = {"channel": "pos", "merchant_country": "BR"}
    old = flag(make_decision(merchant_id="old", merchant_name="Old", device_id="old", customer_id="old"))
    verdict = decide(old, alice)
    newest = {"merchant_id": "new", "merchant_name": "New", "device_id": "new", "customer_id": "new"}
    reasons = [{"code": "new", "words": "New", "contribution": 1.0}]
    newer = flag(make_decision(amount=amount, record=record, reasons=reasons, **newest), now=NOON + SECONDS)

    undo(verdict, alice)

    case, largest = Case.objects.get(id=old.id), {"old": old, "new": newer}[of]
    assert case.merchant_id == of
    assert [getattr(case, name) for name in HEADLINE_FIELDS] == [getattr(largest, name) for name in HEADLINE_FIELDS]


@pytest.fixture
def two_undone(alice, bob):
    """Two cases of a card, the older open again by Alice, and the verdict that Bob said on the newer one."""
    older = flag(make_decision())
    first = decide(older, alice)
    newer = flag(make_decision(), now=NOON + SECONDS)
    second = decide(newer, bob, decided_at=NOON + SECONDS)
    undo(first, alice)
    return older, newer, second


def test_the_newer_of_two_cases_goes_into_the_older_one_when_both_are_opened_again(alice, bob, two_undone):
    older, newer, verdict = two_undone

    assert undo(verdict, bob) == older

    newer.refresh_from_db()
    older.refresh_from_db()
    assert (newer.status, newer.merged_into, newer.verdict, newer.alerts.count()) == ("merged", older, "", 0)
    assert (older.status, older.alert_count, older.alerts.count()) == ("open", 2, 2)
    # Alice works on it.
    assert older.claimed_by == alice
    assert handlings(older) == [("alice", NOON + 5 * SECONDS, None, "")]


@pytest.mark.parametrize("ending", ["released", "expired"])
def test_an_older_case_that_nobody_works_on_is_whose_undo_led_there(alice, bob, two_undone, ending):
    older, newer, verdict = two_undone
    if ending == "released":
        claims.release(case=older, actor=alice, now=NOON + 6 * SECONDS)

    undo(verdict, bob, after=LEASE + MINUTE)

    older.refresh_from_db()
    assert (older.claimed_by, older.claimed_until) == (bob, NOON + LEASE + MINUTE + LEASE)
    assert [(who, how) for who, _, _, how in handlings(older)] == [("alice", ending), ("bob", "")]


def test_an_older_case_that_sleeps_is_woken_by_the_newer_one(bob, two_undone):
    older, newer, verdict = two_undone
    Case.objects.filter(id=older.id).update(claimed_by=None, claimed_until=None, snoozed_until=NOON + DAY)
    older.handlings.update(ended_at=NOON + 6 * SECONDS, ending="snoozed")

    undo(verdict, bob, after=7 * SECONDS)

    older.refresh_from_db()
    assert (older.snoozed_until, older.claimed_by) == (None, bob)
    assert older.events.filter(kind="woken").exists()


def test_who_works_on_the_newer_case_loses_it_and_the_history_says_so(alice, bob):
    verdict = decide(flag(make_decision()), alice)
    newer = flag(make_decision(), now=NOON)
    claims.claim(case=newer, analyst=bob, now=NOON)

    case = undo(verdict, alice)

    assert handlings(newer) == [("bob", NOON, NOON + 5 * SECONDS, "released")]
    assert "which Bob was working on" in case.events.get(kind="merged").text
    with pytest.raises(claims.NotOpenError):
        claims.claim(case=newer, analyst=bob, now=NOON + MINUTE, is_renewal=True)
    with pytest.raises(verdicts.AlreadyDecidedError):
        decide(newer, bob)


@pytest.mark.django_db(transaction=True)
def test_an_alert_that_comes_during_an_undo_is_in_the_one_open_case_of_the_card():
    alice = make_user()
    for number in range(8):
        card = f"card-{number}"
        verdict = decide(flag(make_decision(card_id=card)), alice)
        late = make_decision(card_id=card)

        results = in_threads(
            partial(undo, verdict, alice), partial(alerts.open_cases, [late.id], now=NOON)
        )  # fmt: skip

        assert not [result for result in results if isinstance(result, Exception)]
        case = Case.objects.get(card_id=card, status="open")
        assert (case.id, case.alert_count, case.alerts.count()) == (verdict.case_id, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_two_verdicts_on_one_card_undone_at_once_leave_one_open_case():
    alice, bob = make_user(), make_user("lead")
    for number in range(8):
        card = f"card-{number}"
        first = decide(flag(make_decision(card_id=card)), alice)
        second = decide(flag(make_decision(card_id=card)), bob)

        results = in_threads(partial(undo, first, alice), partial(undo, second, bob))

        assert not [result for result in results if isinstance(result, Exception)]
        case = Case.objects.get(card_id=card, status="open")
        assert (case.alert_count, case.alerts.count()) == (2, 2)
        assert Verdict.objects.filter(case__card_id=card, state="undone").count() == 2
