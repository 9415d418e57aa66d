"""One verdict on many cases: what it says it will do, what it does, and what it passes over."""

from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils.timezone import now

from cases.models import ApprovalLimit, Case, CaseEvent
from cases.services import bulk, claims, verdict_effects, verdicts
from scoring.models import Label
from scoring.services.lists import add_list_entry
from tests.cases.test_alerts import in_threads
from tests.factories import MINUTE, NOON, flag, make_case, make_decision, make_user

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def alices(client, alice):
    client.force_login(alice)
    return client


def chosen(cases) -> dict:
    return {"case": [str(case.id) for case in cases], "back": "currency=EUR"}


def seen(cases, **others) -> dict:
    return {"case": [f"{case.id}:{case.alert_count}" for case in cases], "verdict": "fraud", **others}


def post(client, cases, **others):
    return client.post("/queue/selected/verdict/", seen(cases, **others), follow=True)


def test_the_page_says_what_one_verdict_would_do(alices):
    same = {"merchant_id": "m-1", "merchant_name": HOSTILE, "device_id": "d-1"}
    cases = [
        make_case(decisions=[make_decision(card_id="card-1", amount=Decimal(5), **same)], stake=Decimal(5)),
        make_case(
            decisions=[make_decision(card_id="card-2", amount=Decimal("7.5"), **same) for _ in range(2)],
            stake=Decimal(12),
        ),
    ]

    response = alices.get("/queue/selected/", chosen(cases))

    text = response.content.decode()
    assert response.status_code == 200
    assert "2 cases, 3 payments, one verdict" in text
    assert "label 3 payments of 2 cases fraud, close them" in text
    assert "17 EUR" in text
    assert "5.00 to 7.50 EUR" in text
    assert "All payments share:" in text
    assert "merchant &lt;img src=x" in text
    assert "first reason card_count_1h" in text
    assert HOSTILE not in text
    assert 'href="/queue/?currency=EUR"' in text
    assert Case.objects.filter(status="open").count() == 2


def test_the_page_says_what_is_held_blocked_and_needs_a_second_person(alices, alice):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    large, small = (
        make_case(
            decisions=[
                make_decision(card_id=f"card-{amount}", amount=Decimal(amount), outcome=outcome)
                for outcome in ("review", "decline")
            ]
        )
        for amount in (90, 5)
    )
    add_list_entry(
        kind="block",
        entity="card",
        value="card-5",
        reason=f"Verdict fraud, case {small.id}",
        expires_at=None,
        author=alice,
    )

    text = alices.get("/queue/selected/", chosen([large, small])).content.decode()

    assert "refuse 2 held, label 4 payments of 2 cases fraud, close them; block no card; of 1 a second" in text
    assert (
        "release 2 held, lift the block of 1 card, label 4 payments of 2 cases legitimate, close them</small>" in text
    )
    assert verdict_effects.block_of(small) is not None


def test_a_mixed_group_warns_and_says_how_it_differs(alices):
    cases = [
        make_case(
            decisions=[
                make_decision(
                    card_id=f"card-{n}",
                    merchant_id=f"m-{n}",
                    device_id=f"d-{n}",
                    customer_id=f"c-{n}",
                    reasons=[{"code": f"r-{n}", "words": "x"}],
                )
            ]
        )
        for n in range(3)
    ]

    text = alices.get("/queue/selected/", chosen(cases)).content.decode()

    assert "A mixed group." in text
    assert "3 merchants, 3 devices, 3 customers, 3 first reasons" in text


def test_payments_below_the_first_of_a_case_count_for_what_is_shared(alices):
    one = make_case(decisions=[make_decision(card_id="a", merchant_id="m-1", device_id="", reasons=[])])
    other = make_case(
        decisions=[
            make_decision(card_id="b", merchant_id="m-1", device_id="", reasons=[]),
            make_decision(card_id="b", merchant_id="m-2", device_id="", reasons=[]),
        ]
    )

    assert "A mixed group." in alices.get("/queue/selected/", chosen([one, other])).content.decode()


def test_one_verdict_decides_each_case_as_if_alone(alices, alice):
    cases = [make_case() for _ in range(3)]
    claims.claim(case=cases[0], analyst=alice, now=now())

    response = post(alices, cases, typology="card_testing", note="same shop", back="currency=EUR")

    assert response.redirect_chain == [("/queue/?currency=EUR", 302)]
    assert "3 cases: fraud." in response.content.decode()
    assert set(Case.objects.values_list("verdict", "typology", "decided_by")) == {("fraud", "card_testing", alice.id)}
    assert verdict_effects.settle_due(now=now() + MINUTE) == 3
    assert set(Label.objects.values_list("label", "source", "author", "note")) == {
        ("fraud", "analyst", alice.id, "same shop")
    }
    assert CaseEvent.objects.filter(kind="verdict", actor=alice).count() == 3
    assert not cases[0].handlings.filter(ended_at=None).exists()


def test_inconclusive_closes_and_labels_nothing(alices):
    post(alices, [make_case(), make_case()], verdict="inconclusive")

    assert Case.objects.filter(verdict="inconclusive").count() == 2
    verdict_effects.settle_due(now=now() + MINUTE)
    assert not Label.objects.exists()


def test_what_is_held_decided_or_grown_is_passed_over_and_named(alices, bob):
    held = make_case(card_id="card-held")
    decided = make_case(card_id="card-done")
    grown = flag(make_decision(card_id="card-grew"))
    free = make_case(card_id="card-free")
    sent = seen([held, decided, grown, free])
    claims.claim(case=held, analyst=bob, now=now())
    verdicts.record(case=decided, analyst=bob, verdict="legitimate", typology="", note="", decided_at=now())
    flag(make_decision(card_id="card-grew"))

    response = alices.post("/queue/selected/verdict/", {**sent, "note": "kept <b>"})

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


def test_the_same_verdict_sent_twice_changes_nothing_the_second_time(alices, alice):
    cases = [make_case(), make_case()]
    post(alices, cases)

    response = post(alices, cases, verdict="legitimate")

    assert "passed over: Alice has decided it, fraud." in response.content.decode()
    verdict_effects.settle_due(now=now() + MINUTE)
    assert list(Label.objects.values_list("label", flat=True)) == ["fraud", "fraud"]


def test_cases_that_were_decided_meanwhile_are_left_out_of_the_page(alices, bob):
    decided, still_open = make_case(card_id="card-done"), make_case(card_id="card-open")
    verdicts.record(case=decided, analyst=bob, verdict="fraud", typology="", note="", decided_at=NOON)

    text = alices.get("/queue/selected/", chosen([decided, still_open])).content.decode()

    assert "1 of the chosen cases is open no more" in text
    assert "1 case, 1 payment, one verdict" in text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "Choose a case first."),
        ({"case": "x"}, "This selection is broken."),
        ({"case": "-" * 36}, "This selection is broken."),
        ({"case": [str(uuid4()) for _ in range(101)]}, "At most 100 cases at once. You chose 101."),
    ],
)
def test_a_selection_that_does_not_do_is_refused_in_words(alices, values, says):
    response = alices.get("/queue/selected/", values)

    assert response.status_code == 422
    assert says in response.content.decode()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"verdict": "maybe"}, "Verdict: Select a valid choice."),
        ({"note": "x" * 2001}, "Note: Ensure this value has at most 2000 characters"),
        ({"case": ["{id}"]}, "This selection is broken."),
        ({"case": []}, "Choose a case first."),
    ],
)
def test_a_verdict_that_does_not_do_changes_nothing(alices, case, values, says):
    sent = {**seen([case]), **values}
    sent["case"] = [text.format(id=case.id) for text in sent["case"]]

    response = alices.post("/queue/selected/verdict/", sent)

    assert response.status_code == 422
    assert says in response.content.decode()
    assert Case.objects.get().status == "open"


def test_more_than_a_hundred_are_refused_by_the_service_too(alice, case):
    with pytest.raises(bulk.TooManyCasesError):
        bulk.decide_all([(case, 1)] * 101, analyst=alice, verdict="fraud", typology="", note="", decided_at=NOON)

    verdict_effects.settle_due(now=now() + MINUTE)
    assert not Label.objects.exists()


def test_the_way_back_stays_in_the_queue(alices, case):
    response = alices.post("/queue/selected/verdict/", seen([case], back="?next=//evil.example&x=/../"))

    assert response.url == "/queue/?next=%2F%2Fevil.example&x=%2F..%2F"


def test_of_several_verdicts_the_time_to_undo_is_told_unless_all_wait_for_a_second_person(alices):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    large, small, larger = (
        make_case(decisions=[make_decision(card_id=f"card-{amount}", amount=Decimal(amount))])
        for amount in (500, 5, 900)
    )

    mixed = post(alices, [large, small]).content.decode()
    waiting = post(alices, [larger]).content.decode()

    assert "2 cases: fraud. 1 case of them wait for a second person." in mixed
    assert "data-undo-when" in mixed
    assert "1 case of them wait" in waiting
    assert "data-undo-when" not in waiting


def test_the_keys_of_the_page_wait_a_moment_however_it_came(alices, case):
    assert "data-key-guard" in alices.get("/queue/selected/", chosen([case])).content.decode()


@pytest.mark.parametrize("role", ["manager", "auditor"])
def test_who_only_looks_sees_no_boxes_and_decides_nothing(client, case, role):
    client.force_login(make_user(role))

    page = client.get("/queue/").content.decode()

    assert "checkbox" not in page.split('id="queue-rows"')[1]
    assert "selected-form" not in page
    assert client.get(reverse("selected"), chosen([case])).status_code == 403
    assert client.post(reverse("decide_selected"), seen([case])).status_code == 403
    assert Case.objects.get().status == "open"


def test_twice_the_cases_take_as_many_queries_to_look_at(alices, django_assert_num_queries):
    cases = [make_case() for _ in range(4)]
    with django_assert_num_queries(15):
        alices.get("/queue/selected/", chosen(cases[:2]))

    with django_assert_num_queries(15):
        alices.get("/queue/selected/", chosen(cases))


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
