"""One verdict on many cases: what it does to each, and what it passes over."""

from decimal import Decimal
from functools import partial

import pytest
from django.utils.timezone import now

from cases.models import ApprovalLimit, Case, CaseEvent
from cases.services import bulk, claims, verdict_effects, verdicts
from scoring.models import Label
from tests.cases.choosing import post, seen
from tests.cases.test_alerts import in_threads
from tests.factories import MINUTE, NOON, flag, make_case, make_decision, make_user


def test_one_verdict_decides_each_case_as_if_alone(as_alice, alice):
    cases = [make_case() for _ in range(3)]
    claims.claim(case=cases[0], analyst=alice, now=now())

    response = post(as_alice, cases, typology="card_testing", note="same shop", back="currency=EUR")

    assert response.redirect_chain == [("/queue/?currency=EUR", 302)]
    assert "3 cases: fraud." in response.content.decode()
    assert set(Case.objects.values_list("verdict", "typology", "decided_by")) == {("fraud", "card_testing", alice.id)}
    assert verdict_effects.settle_due(now=now() + MINUTE) == 3
    assert set(Label.objects.values_list("label", "source", "author", "note")) == {
        ("fraud", "analyst", alice.id, "same shop")
    }
    assert CaseEvent.objects.filter(kind="verdict", actor=alice).count() == 3
    assert not cases[0].handlings.filter(ended_at=None).exists()


def test_inconclusive_closes_and_labels_nothing(as_alice):
    post(as_alice, [make_case(), make_case()], verdict="inconclusive")

    assert Case.objects.filter(verdict="inconclusive").count() == 2
    verdict_effects.settle_due(now=now() + MINUTE)
    assert not Label.objects.exists()


def test_what_is_held_decided_or_grown_is_passed_over_and_named(as_alice, bob):
    held = make_case(card_id="card-held")
    decided = make_case(card_id="card-done")
    grown = flag(make_decision(card_id="card-grew"))
    free = make_case(card_id="card-free")
    sent = seen([held, decided, grown, free])
    claims.claim(case=held, analyst=bob, now=now())
    verdicts.record(case=decided, analyst=bob, verdict="legitimate", typology="", note="", decided_at=now())
    flag(make_decision(card_id="card-grew"))

    response = as_alice.post("/queue/selected/verdict/", {**sent, "note": "kept <b>"})

    text = response.content.decode()
    assert response.status_code == 422
    assert "1 case: fraud." in text
    assert "•••• held was passed over: Bob is working on it." in text
    assert "•••• done was passed over: Bob has decided it, legitimate." in text
    assert "•••• grew was passed over: it has grown to 2 payments. Look again." in text
    assert f'value="{grown.id}:2"' in text
    assert "kept &lt;b&gt;" in text
    assert set(Case.objects.filter(verdict="fraud").values_list("card_id", flat=True)) == {"card-free"}
    verdict_effects.settle_due(now=now() + MINUTE)
    assert Label.objects.filter(label="fraud").count() == 1


def test_a_case_that_fails_in_the_middle_leaves_those_before_it_whole(alice, monkeypatch):
    cases = [make_case(), make_case(), make_case()]
    record = verdicts.record

    def fail_at_the_second(*, case, **values):
        if case == cases[1]:
            raise RuntimeError("the database is away")
        return record(case=case, **values)

    monkeypatch.setattr(verdicts, "record", fail_at_the_second)
    with pytest.raises(RuntimeError):
        bulk.decide_all(
            [(case, 1) for case in cases], analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON
        )

    assert list(Case.objects.filter(status="decided")) == [cases[0]]
    verdict_effects.settle_due(now=now() + MINUTE)
    assert Label.objects.count() == 1


def test_the_same_verdict_sent_twice_changes_nothing_the_second_time(as_alice, alice):
    cases = [make_case(), make_case()]
    post(as_alice, cases)

    response = post(as_alice, cases, verdict="legitimate")

    assert "passed over: Alice has decided it, fraud." in response.content.decode()
    verdict_effects.settle_due(now=now() + MINUTE)
    assert list(Label.objects.values_list("label", flat=True)) == ["fraud", "fraud"]


def test_more_than_a_hundred_are_refused_by_the_service_too(alice, case):
    with pytest.raises(bulk.TooManyCasesError):
        bulk.decide_all([(case, 1)] * 101, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    verdict_effects.settle_due(now=now() + MINUTE)
    assert not Label.objects.exists()


def test_of_several_verdicts_the_time_to_undo_is_told_unless_all_wait_for_a_second_person(as_alice):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    large, small, larger = (
        make_case(decisions=[make_decision(card_id=f"card-{amount}", amount=Decimal(amount))])
        for amount in (500, 5, 900)
    )

    mixed = post(as_alice, [large, small]).content.decode()
    waiting = post(as_alice, [larger]).content.decode()

    assert "2 cases: fraud. 1 case of them wait for a second person." in mixed
    assert "data-undo-when" in mixed
    assert "1 case of them wait" in waiting
    assert "data-undo-when" not in waiting


@pytest.mark.django_db(transaction=True)
def test_of_two_opposite_verdicts_on_the_same_cases_each_case_gets_one():
    people = [make_user(username=f"analyst{n}") for n in range(2)]
    cases = [make_case() for _ in range(12)]

    def decide(person, verdict):
        return bulk.decide_all(
            [(case, 1) for case in cases],
            analyst=person,
            verdict=verdict,
            typology="",
            note="",
            decided_at=NOON,
        )

    results = in_threads(partial(decide, people[0], "fraud"), partial(decide, people[1], "legitimate"))

    assert sum(len(result.said) for result in results) == len(cases)
    assert sum(len(result.passed_over) for result in results) == len(cases)
    verdict_effects.settle_due(now=now() + MINUTE)
    assert set(Label.objects.values_list("decision__alert__case_id", "label")) == set(
        Case.objects.values_list("id", "verdict")
    )
    assert Label.objects.count() == len(cases)
