"""Second reviews: drawn at the verdict, handed out once, recorded apart."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from cases.models import CaseEvent, Check, FirstVerdict
from cases.services import checks, presence, reopening, verdict_effects, verdicts
from cases.services.review_settings import change_settings, current_settings
from scoring.models import Label, Outbox
from tests.cases.reviewing import NEVER, decided_case, review_everything, take
from tests.cases.test_alerts import in_threads
from tests.factories import DAY, HOUR, MINUTE, NOON, make_case, make_user


def test_a_first_verdict_is_remembered_with_what_was_shown_and_how_long_it_took(alice):
    case = decided_case(alice, typology="card_testing")

    first = FirstVerdict.objects.get()
    assert (first.case, first.analyst, first.verdict, first.typology) == (case, alice, "fraud", "card_testing")
    assert (first.variant, first.seconds, first.truth, first.is_corrected) == ("score_first", 60.0, "", False)


def test_a_verdict_without_a_claim_has_no_time(alice, case):
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    assert not FirstVerdict.objects.exists()
    verdict_effects.settle(said.id, now=said.effects_at)

    first = FirstVerdict.objects.get()
    assert (first.seconds, first.decided_at) == (None, NOON)


def test_a_verdict_that_was_undone_is_not_the_first(alice, bob, case):
    review_everything()
    said = verdicts.record(case=case, analyst=alice, verdict="fraud", decided_at=NOON)
    reopening.undo(verdict=said, analyst=alice, now=NOON + timedelta(seconds=5))
    again = verdicts.record(case=case, analyst=alice, verdict="legitimate", decided_at=NOON + MINUTE)

    verdict_effects.settle_due(now=again.effects_at)

    assert FirstVerdict.objects.get().verdict == "legitimate"
    assert (Check.objects.get().expected, Check.objects.get().as_of) == ("legitimate", NOON + MINUTE)


def test_a_later_verdict_changes_neither_the_first_nor_the_draw(alice, bob):
    review_everything()
    case = decided_case(alice)

    checks.consider(case, analyst=bob, verdict="legitimate", typology="", decided_at=NOON + HOUR)

    assert FirstVerdict.objects.get().verdict == "fraud"
    assert Check.objects.get().expected == "fraud"


def test_the_draw_keeps_its_probability_and_follows_from_the_salt(alice):
    current_settings()
    change_settings(values={"second_share": 0.5, "salt": "fixed"}, displays={})
    cases = [decided_case(alice) for _ in range(30)]

    drawn = set(Check.objects.values_list("case_id", flat=True))
    expected = {case.id for case in cases if checks.chance.fraction("fixed", "second", case.id) < 0.5}
    assert drawn == expected
    assert all(share == 0.5 for share in Check.objects.values_list("probability", flat=True))


def test_no_share_draws_nothing(alice):
    change_settings(values={"second_share": 0.0}, displays={})
    decided_case(alice)

    assert not Check.objects.exists()


def test_a_review_is_handed_out_instead_of_a_case(alice, bob, case):
    review_everything()
    reviewed = decided_case(alice)

    check = take(bob)

    assert check is not None
    assert (check.case, check.analyst, check.taken_at) == (reviewed, bob, NOON + MINUTE)
    assert (check.taken_until - check.taken_at).total_seconds() == 300
    assert take(bob) is None


@pytest.mark.parametrize("draw", [0.55, NEVER])
def test_most_of_the_time_an_ordinary_case_is_next(alice, bob, case, draw):
    review_everything()
    decided_case(alice)

    assert take(bob, draw=draw) is None


def test_never_the_first_reviewer(alice, case):
    review_everything()
    decided_case(alice)

    assert take(alice) is None


@pytest.mark.parametrize("looked_at", [NOON - HOUR, NOON + MINUTE])
def test_never_somebody_who_has_seen_the_case(alice, bob, case, looked_at):
    review_everything()
    presence.record_view(case=decided_case(alice), viewer=bob, now=looked_at)

    assert take(bob, now=NOON + HOUR) is None


def test_no_review_comes_out_of_an_empty_queue(alice, bob):
    review_everything()
    decided_case(alice)

    assert take(bob) is None


def test_what_waited_for_weeks_is_let_go(alice, bob, case):
    review_everything()
    decided_case(alice)

    assert take(bob, now=NOON + 14 * DAY) is None


def test_the_constraint_keeps_the_first_reviewer_out(alice):
    review_everything()
    decided_case(alice)

    with pytest.raises(IntegrityError, match="check_by_somebody_else"), transaction.atomic():
        Check.objects.update(analyst=alice, taken_at=NOON, taken_until=NOON)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"decided_at": NOON}, "check_decided_has_verdict"),
        ({"verdict": "fraud", "agrees": True, "decided_at": NOON}, "check_decided_has_verdict"),
        ({"taken_at": NOON}, "check_taken_by_somebody"),
        ({"settled_as": "fraud", "settled_at": NOON}, "check_settled_by_somebody"),
    ],
)
def test_a_review_cannot_be_half_done(alice, values, constraint):
    review_everything()
    decided_case(alice)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Check.objects.update(**values)


def test_a_verdict_that_disagrees_with_itself_cannot_be_stored(alice, bob, case):
    review_everything()
    decided_case(alice)
    take(bob)

    for verdict, agrees in (("fraud", False), ("legitimate", True), ("fraud", None)):
        with pytest.raises(IntegrityError, match="check_decided_has_verdict"), transaction.atomic():
            Check.objects.update(verdict=verdict, agrees=agrees, decided_at=NOON)


def test_what_is_said_labels_nothing_and_leaves_the_case_alone(alice, bob, case):
    review_everything()
    reviewed = decided_case(alice)
    labels, outbox, events = Label.objects.count(), Outbox.objects.count(), CaseEvent.objects.count()
    check = take(bob)

    checks.add_note(check, author=check.analyst, text="asked the shop", now=NOON + HOUR)
    checks.record(
        check, reviewer=check.analyst, verdict="legitimate", typology="", note="on holiday", decided_at=NOON + HOUR
    )

    check.refresh_from_db()
    assert (check.verdict, check.agrees, check.note) == ("legitimate", False, "asked the shop\non holiday")
    reviewed.refresh_from_db()
    assert (reviewed.verdict, reviewed.decided_by) == ("fraud", alice)
    assert (Label.objects.count(), Outbox.objects.count(), CaseEvent.objects.count()) == (labels, outbox, events)
    assert FirstVerdict.objects.get(case=reviewed).verdict == "fraud"


def test_a_review_whose_reviewer_left_goes_to_somebody_else(alice, bob, case):
    review_everything()
    decided_case(alice)
    check = take(bob)
    mara = make_user("lead", username="mara")

    assert checks.return_expired(now=NOON + 5 * MINUTE) == 0
    checks.renew(check, now=NOON + 5 * MINUTE)
    assert checks.return_expired(now=NOON + 9 * MINUTE) == 0
    assert checks.return_expired(now=NOON + 11 * MINUTE) == 1

    assert take(mara, now=NOON + 12 * MINUTE) == check
    with pytest.raises(checks.NotHeldError):
        checks.record(
            check, reviewer=check.analyst, verdict="fraud", typology="", note="", decided_at=NOON + 12 * MINUTE
        )
    with pytest.raises(checks.NotHeldError):
        checks.renew(check, now=NOON + 12 * MINUTE)


def test_an_expired_review_is_taken_over_before_the_sweep(alice, bob, case):
    review_everything()
    decided_case(alice)
    take(bob)

    taken = take(make_user("lead", username="mara"), now=NOON + HOUR)

    assert taken is not None
    assert taken.analyst.username == "mara"


def test_a_verdict_is_recorded_once(alice, bob, case):
    review_everything()
    decided_case(alice)
    check = take(bob)
    checks.record(check, reviewer=check.analyst, verdict="fraud", typology="", note="", decided_at=NOON + HOUR)

    with pytest.raises(checks.NotHeldError):
        checks.record(check, reviewer=check.analyst, verdict="legitimate", typology="", note="", decided_at=NOON + HOUR)
    checks.give_back(check)

    assert Check.objects.get().agrees is True


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_each_gets_another_review():
    review_everything()
    alice, people = make_user("analyst"), [make_user(username=f"analyst{n}") for n in range(6)]
    make_case()
    for _ in range(4):
        decided_case(alice)

    results = in_threads(*[partial(take, person) for person in people])

    taken = [result for result in results if isinstance(result, Check)]
    assert len(taken) == len({check.id for check in taken}) == 4
    assert Check.objects.exclude(analyst=None).count() == 4


@pytest.mark.django_db(transaction=True)
def test_who_asks_many_times_at_once_gets_one_review():
    review_everything()
    alice, bob = make_user("analyst"), make_user("lead")
    make_case()
    for _ in range(4):
        decided_case(alice)

    results = in_threads(*[partial(take, bob)] * 4)

    assert [result for result in results if isinstance(result, Exception)] == []
    assert sum(isinstance(result, Check) for result in results) == 1
    assert Check.objects.exclude(analyst=None).count() == 1
