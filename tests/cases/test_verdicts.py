"""Recording verdicts: labels, history, and two analysts at once."""

from decimal import Decimal
from functools import partial

import pytest

from cases.models import CaseEvent
from cases.services import claims, verdicts
from scoring.models import Label
from tests.cases.test_alerts import in_threads
from tests.factories import DAY, HOUR, NOON, make_case, make_decision, make_user


def decide(case, analyst, verdict="fraud", **others):
    values = {"typology": "", "note": "", "decided_at": NOON}
    return verdicts.record(case=case, analyst=analyst, verdict=verdict, **values | others)


@pytest.mark.parametrize("verdict", ["fraud", "legitimate"])
def test_a_verdict_labels_every_payment_of_the_case(alice, verdict):
    case = make_case(decisions=[make_decision(), make_decision()])

    assert decide(case, alice, verdict, note="called") == 2

    case.refresh_from_db()
    assert (case.status, case.verdict, case.decided_by, case.decided_at) == ("decided", verdict, alice, NOON)
    labels = list(Label.objects.values_list("label", "source", "known_at", "author", "note"))
    assert labels == [(verdict, "analyst", NOON, alice.id, "called")] * 2
    assert [event.kind for event in case.events.order_by("id")] == ["opened", "verdict", "note"]


def test_inconclusive_labels_nothing(alice, case):
    assert decide(case, alice, "inconclusive") == 0

    case.refresh_from_db()
    assert case.verdict == "inconclusive"
    assert not Label.objects.exists()


def test_the_cards_other_payments_of_the_last_day_are_labelled_when_asked(alice, case):
    recent = make_decision(card_id=case.card_id, occurred_at=NOON - 23 * HOUR, outcome="approve")
    old = make_decision(card_id=case.card_id, occurred_at=NOON - DAY - HOUR, outcome="approve")
    other_card = make_decision(card_id="other", outcome="approve")

    assert decide(case, alice, include_recent=True) == 2

    assert recent.labels.exists()
    assert not old.labels.exists()
    assert not other_card.labels.exists()


def test_the_first_verdict_stands(alice, bob, case):
    decide(case, alice, "fraud")

    with pytest.raises(verdicts.AlreadyDecidedError):
        decide(case, bob, "legitimate")

    case.refresh_from_db()
    assert (case.verdict, case.decided_by) == ("fraud", alice)
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


def test_a_failing_label_leaves_the_case_open(alice, case, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no ledger")

    monkeypatch.setattr(verdicts, "record_labels", fail)

    with pytest.raises(RuntimeError):
        decide(case, alice)

    case.refresh_from_db()
    assert case.status == "open"
    assert not case.events.filter(kind=CaseEvent.Kind.VERDICT).exists()


@pytest.mark.django_db(transaction=True)
def test_of_verdicts_at_the_same_moment_one_wins():
    people = [make_user(username=f"analyst{n}") for n in range(6)]
    case = make_case()

    wanted = zip(people, ["fraud", "legitimate"] * 3, strict=True)
    results = in_threads(*[partial(decide, case, person, verdict) for person, verdict in wanted])

    refused = [result for result in results if isinstance(result, verdicts.AlreadyDecidedError)]
    assert len(refused) == 5
    assert Label.objects.count() == 1
    case.refresh_from_db()
    assert Label.objects.get().label == case.verdict
    assert case.stake == Decimal("1186.55")
