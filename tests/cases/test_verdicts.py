"""Recording verdicts: the case, its payments, history, and two analysts at once."""

from decimal import Decimal
from functools import partial

import pytest

from cases.services import claims, verdict_effects, verdict_payments, verdicts
from scoring.models import Label
from tests.cases.test_alerts import in_threads
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_decision, make_user


def decide(case, analyst, verdict="fraud", **others):
    return verdicts.record(case=case, analyst=analyst, verdict=verdict, **{"decided_at": NOON} | others)


def settle():
    return verdict_effects.settle_due(now=NOON + MINUTE)


def labels_of(decision):
    return list(decision.labels.order_by("id").values_list("label", flat=True))


@pytest.mark.parametrize("verdict", ["fraud", "legitimate"])
def test_a_verdict_labels_every_payment_of_the_case(alice, verdict):
    case = make_case(decisions=[make_decision(), make_decision()])

    decide(case, alice, verdict, note="called")

    case.refresh_from_db()
    assert (case.status, case.verdict, case.decided_by, case.decided_at) == ("decided", verdict, alice, NOON)
    assert not Label.objects.exists()
    assert settle() == 1
    labels = list(Label.objects.values_list("label", "source", "known_at", "author", "note"))
    assert labels == [(verdict, "analyst", NOON, alice.id, "called")] * 2
    assert [event.kind for event in case.events.order_by("id")] == ["opened", "verdict", "note", "effects"]


def test_inconclusive_labels_nothing(alice, case):
    decide(case, alice, "inconclusive")

    assert settle() == 1
    case.refresh_from_db()
    assert case.verdict == "inconclusive"
    assert not Label.objects.exists()


def test_a_payment_may_get_another_label_than_its_case(alice):
    stolen, own, unclear = [make_decision() for _ in range(3)]
    case = make_case(decisions=[stolen, own, unclear])

    decide(case, alice, overrides={own.id: "legitimate", unclear.id: ""})
    settle()

    assert [labels_of(one) for one in (stolen, own, unclear)] == [["fraud"], ["legitimate"], []]


def test_an_inconclusive_case_may_have_a_payment_that_is_clear(alice):
    clear, unclear = make_decision(), make_decision()
    case = make_case(decisions=[clear, unclear])

    decide(case, alice, "inconclusive", overrides={clear.id: "fraud"})
    settle()

    assert [labels_of(one) for one in (clear, unclear)] == [["fraud"], []]


@pytest.mark.parametrize("wrong", ["other payment", "unknown label"])
def test_an_override_that_does_not_fit_changes_nothing(alice, case, wrong):
    mine, other = case.alerts.get().decision_id, make_decision(card_id=case.card_id).id
    overrides = {other: "fraud"} if wrong == "other payment" else {mine: "guilty"}

    with pytest.raises(verdict_payments.UnknownPaymentError):
        decide(case, alice, overrides=overrides)

    case.refresh_from_db()
    assert case.status == "open"


def test_the_cards_other_payments_of_the_last_week_are_labelled_when_asked(alice, case):
    recent = make_decision(card_id=case.card_id, occurred_at=NOON - 6 * DAY, outcome="approve")
    old = make_decision(card_id=case.card_id, occurred_at=NOON - 7 * DAY - HOUR, outcome="approve")
    other_card = make_decision(card_id="other", outcome="approve")

    decide(case, alice, include_recent=True)
    settle()

    assert labels_of(recent) == ["fraud"]
    assert not labels_of(old)
    assert not labels_of(other_card)


def test_of_the_last_weeks_payments_only_the_chosen_are_labelled(alice, case):
    ticked, unticked = [make_decision(card_id=case.card_id, outcome="approve") for _ in range(2)]

    decide(case, alice, include_recent=True, recent=[ticked.id])
    settle()

    assert labels_of(ticked) == ["fraud"]
    assert not labels_of(unticked)


@pytest.mark.parametrize("where", ["open", "approval", "long ago", "another card"])
def test_what_a_verdict_may_not_be_on_cannot_be_chosen(alice, case, where):
    card, ago = "other" if where == "another card" else case.card_id, 8 * DAY if where == "long ago" else HOUR
    payment = make_decision(card_id=card, occurred_at=NOON - ago, outcome="review")
    if where in ("open", "approval"):
        make_case(decisions=[payment], card_id="joined", status=where)

    with pytest.raises(verdict_payments.UnknownRecentError):
        decide(case, alice, include_recent=True, recent=[payment.id])

    case.refresh_from_db()
    assert case.status == "open"
    assert list(verdict_payments.recent_payments(case, now=NOON)) == []


def test_what_turned_seven_days_old_while_the_page_was_open_is_chosen_all_the_same(alice, case):
    ticked = make_decision(card_id=case.card_id, occurred_at=NOON - 7 * DAY - MINUTE, outcome="approve")

    decide(case, alice, include_recent=True, recent=[ticked.id])
    settle()

    assert labels_of(ticked) == ["fraud"]


def test_without_being_asked_no_other_payment_is_labelled(alice, case):
    recent = make_decision(card_id=case.card_id, outcome="approve")

    decide(case, alice, recent=[recent.id])
    settle()

    assert not labels_of(recent)


def test_the_first_verdict_stands(alice, bob, case):
    decide(case, alice, "fraud")

    with pytest.raises(verdicts.AlreadyDecidedError):
        decide(case, bob, "legitimate")

    case.refresh_from_db()
    assert (case.verdict, case.decided_by) == ("fraud", alice)
    assert settle() == 1
    assert Label.objects.get().label == "fraud"


def test_a_case_somebody_else_works_on_is_not_decided(alice, bob, case):
    claims.claim(case=case, analyst=bob, now=NOON)

    with pytest.raises(claims.ClaimedByOtherError):
        decide(case, alice)

    decide(case, alice, decided_at=NOON + HOUR)


def test_a_verdict_does_not_hold_for_payments_nobody_looked_at(alice, case):
    with pytest.raises(verdicts.CaseGrewError):
        decide(case, alice, seen_alerts=2)

    case.refresh_from_db()
    assert case.status == "open"


@pytest.mark.django_db(transaction=True)
def test_of_verdicts_at_the_same_moment_one_wins():
    people = [make_user(username=f"analyst{n}") for n in range(6)]
    case = make_case()

    wanted = zip(people, ["fraud", "legitimate"] * 3, strict=True)
    results = in_threads(*[partial(decide, case, person, verdict) for person, verdict in wanted])

    refused = [result for result in results if isinstance(result, verdicts.AlreadyDecidedError)]
    assert len(refused) == 5
    assert settle() == 1
    assert Label.objects.count() == 1
    case.refresh_from_db()
    assert Label.objects.get().label == case.verdict
    assert case.stake == Decimal("1186.55")
