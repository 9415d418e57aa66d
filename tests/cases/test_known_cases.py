"""What cases turned out to be, and the known ones that wait to be slipped in."""

import pytest
from django.utils.timezone import now

from cases.models import Check, FirstVerdict, KnownCase
from cases.services import known_cases
from cases.tasks import follow_truths, return_expired_checks
from tests.cases.reviewing import ALWAYS_KNOWN, decided_case, review_everything, take
from tests.factories import DAY, HOUR, NOON, make_case, make_decision, make_label, make_user


def followed(case) -> tuple[str, bool]:
    known_cases.collect_truths(now=NOON + 2 * DAY)
    return FirstVerdict.objects.values_list("truth", "is_corrected").get(case=case)


@pytest.mark.parametrize("source", ["chargeback", "issuer_report", "customer"])
def test_a_word_from_outside_is_the_truth(alice, source):
    case = decided_case(alice, verdict="legitimate")
    make_label(case.alerts.get().decision, known_at=NOON + HOUR, source=source)

    assert followed(case) == ("fraud", False)
    assert known_cases.collect_truths(now=NOON + 2 * DAY) == 0


def test_of_several_words_about_a_payment_the_weightiest_holds_until_it_is_taken_back(alice):
    case = decided_case(alice)
    decision = case.alerts.get().decision
    make_label(decision, known_at=NOON + HOUR)
    make_label(decision, "legitimate", source="customer", known_at=NOON + DAY)
    assert followed(case) == ("fraud", False)

    make_label(decision, "withdrawn", known_at=NOON + 2 * DAY)

    assert followed(case) == ("legitimate", False)


@pytest.mark.parametrize(("second", "truth"), [("fraud", "fraud"), ("legitimate", "legitimate"), (None, "")])
def test_a_case_is_legitimate_only_when_all_its_payments_are(alice, second, truth):
    payments = [make_decision(card_id="card-two") for _ in range(2)]
    case = decided_case(alice, decisions=payments)
    make_label(payments[0], "legitimate", source="customer")
    if second:
        make_label(payments[1], second, source="customer")

    assert followed(case)[0] == truth


def test_an_analysts_later_word_corrects_and_the_first_one_does_not(alice):
    kept, corrected = decided_case(alice), decided_case(alice)
    make_label(corrected.alerts.get().decision, "legitimate", source="analyst", known_at=NOON + HOUR)

    assert followed(kept) == ("", False)
    assert followed(corrected) == ("", True)


def test_cases_whose_truth_came_out_wait_to_be_slipped_in_half_and_half(alice):
    for number in range(8):
        case = decided_case(alice)
        truth = "fraud" if number < 6 else "legitimate"
        make_label(case.alerts.get().decision, truth, source="customer")
    decided_case(alice)
    known_cases.collect_truths(now=NOON + DAY)

    assert known_cases.refill(now=NOON + DAY) == 7
    assert known_cases.refill(now=NOON + DAY) == 0

    waiting = list(Check.objects.filter(kind="known").values_list("expected", flat=True))
    assert sorted(waiting) == ["fraud"] * 5 + ["legitimate"] * 2
    assert set(Check.objects.filter(kind="known").values_list("as_of", "first_analyst")) == {(NOON, alice.id)}


def test_what_was_tried_least_comes_first(alice, bob):
    tried, fresh = (decided_case(alice, decided_at=NOON + at) for at in (HOUR, 0 * HOUR))
    for case in (tried, fresh):
        make_label(case.alerts.get().decision)
    known_cases.collect_truths(now=NOON + DAY)
    values = {"kind": "known", "expected": "fraud", "as_of": NOON, "made_at": NOON}
    said = {"analyst": bob, "taken_at": NOON, "taken_until": NOON, "verdict": "fraud", "agrees": True}
    Check.objects.create(case=tried, **values, **said, decided_at=NOON)

    known_cases.refill(now=NOON + DAY)

    order = Check.objects.filter(kind="known", decided_at=None).order_by("id").values_list("case_id", flat=True)
    assert list(order) == [fresh.id, tried.id]


def test_a_known_case_that_waited_for_weeks_makes_room(alice):
    for _ in range(6):
        make_label(decided_case(alice).alerts.get().decision)
    known_cases.collect_truths(now=NOON + DAY)
    known_cases.refill(now=NOON + DAY)
    before = set(Check.objects.filter(kind="known").values_list("id", flat=True))

    known_cases.refill(now=NOON + 16 * DAY)

    after = set(Check.objects.filter(kind="known").values_list("id", flat=True))
    assert len(after) == 5
    assert not after & before


def test_a_mark_goes_before_the_labels_and_is_handed_out(alice, bob, mia):
    review_everything(known_rate=0.5, second_rate=0.0)
    make_case()
    case = decided_case(alice)
    make_label(case.alerts.get().decision)

    known_cases.mark(case=case, truth="legitimate", reason="the bank's own test card", actor=mia, now=NOON)
    known_cases.collect_truths(now=NOON + DAY)
    known_cases.refill(now=NOON + DAY)

    check = take(bob, draw=ALWAYS_KNOWN)
    assert check is not None
    assert (check.kind, check.expected, check.case) == ("known", "legitimate", case)
    assert take(alice, draw=ALWAYS_KNOWN) is None


def test_a_second_mark_takes_the_place_of_the_first_and_can_be_taken_away(alice, mia):
    case = decided_case(alice)
    for truth in ("fraud", "legitimate"):
        known_cases.mark(case=case, truth=truth, reason="seen on film", actor=mia, now=NOON)

    assert KnownCase.objects.get().truth == "legitimate"
    assert Check.objects.get(kind="known").expected == "legitimate"

    known_cases.unmark(case=case, actor=mia)
    known_cases.unmark(case=case, actor=mia)
    assert not KnownCase.objects.exists()
    assert not Check.objects.filter(kind="known").exists()


def test_an_open_case_is_not_known(mia, case):
    with pytest.raises(known_cases.NotDecidedError):
        known_cases.mark(case=case, truth="fraud", reason="x", actor=mia, now=NOON)

    assert not KnownCase.objects.exists()


def test_what_somebody_works_on_is_not_taken_away_by_a_new_mark(alice, bob, mia):
    review_everything(known_rate=0.5, second_rate=0.0)
    make_case()
    case = decided_case(alice)
    known_cases.mark(case=case, truth="fraud", reason="x", actor=mia, now=NOON)
    check = take(bob, draw=ALWAYS_KNOWN)

    known_cases.mark(case=case, truth="legitimate", reason="y", actor=mia, now=NOON)
    known_cases.unmark(case=case, actor=mia)

    assert list(Check.objects.filter(kind="known")) == [check]


def test_the_clocks_tasks_may_run_twice(alice):
    make_label(decided_case(alice, decided_at=now() - DAY).alerts.get().decision)

    assert follow_truths() == 1
    assert follow_truths() == 0
    assert return_expired_checks() == 0


def test_the_roles_that_mark(client, alice, mia):
    case = decided_case(alice)
    client.force_login(mia)
    address = f"{case.get_absolute_url()}known/"

    assert "You know what this was?" in client.get(case.get_absolute_url()).content.decode()
    response = client.post(address, {"truth": "fraud", "reason": "<b>film</b>"}, follow=True)
    assert "This is a known case now" in response.content.decode()
    assert "&lt;b&gt;film" in response.content.decode()
    assert "Say how it is known." in client.post(address, {"truth": "fraud"}, follow=True).content.decode()
    client.post(address, {"truth": "inconclusive", "reason": "x"})
    assert KnownCase.objects.get().truth == "fraud"
    assert client.get(address).status_code == 405
    assert "no known case any more" in client.post(f"{address}remove/", follow=True).content.decode()
    client.force_login(alice)
    assert client.post(address, {"truth": "fraud", "reason": "x"}).status_code == 403
    assert client.post(f"{address}remove/").status_code == 403
    assert "Known case" not in client.get(case.get_absolute_url()).content.decode()


def test_marking_an_open_case_says_why_not(as_mia, case):
    response = as_mia.post(f"{case.get_absolute_url()}known/", {"truth": "fraud", "reason": "x"}, follow=True)

    assert "Only a decided case can be a known one" in response.content.decode()


def test_two_people_are_tried_on_the_same_case_one_after_the_other(alice, bob, mia):
    review_everything(known_rate=0.5, second_rate=0.0)
    make_case()
    case = decided_case(alice)
    known_cases.mark(case=case, truth="fraud", reason="x", actor=mia, now=NOON)
    check = take(bob, draw=ALWAYS_KNOWN)
    Check.objects.filter(id=check.id).update(verdict="fraud", agrees=True, decided_at=NOON)

    known_cases.refill(now=NOON + HOUR)

    assert take(make_user("lead", username="mara"), draw=ALWAYS_KNOWN, now=NOON + 2 * HOUR).case == case
