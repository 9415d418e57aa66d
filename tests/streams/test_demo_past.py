"""The demo's past case work is what the console itself would have recorded."""

import pytest

from cases.models import Case, CaseEvent, Handling
from scoring.models import Label
from streams.demo_past import work_off
from tests.factories import DAY, HOUR, NOON, make_decision, make_label, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return [make_user("analyst"), make_user("lead")]


def flag_days(days, a_day):
    for number in range(days * a_day):
        day, place = divmod(number, a_day)
        decision = make_decision(
            occurred_at=NOON - day * DAY - place * HOUR, card_id=f"card-{number}", amount=100 + place
        )
        if place % 2:
            make_label(decision, known_at=NOON)


def work(desk, **options):
    return work_off(since=NOON - 30 * DAY, until=NOON + DAY, analysts=desk, **{"a_day": 4, **options})


def test_the_dearest_of_each_day_are_decided_in_the_past(desk):
    flag_days(days=5, a_day=6)
    make_decision(occurred_at=NOON, outcome="approve")

    assert work(desk) == 20

    cases = Case.objects.all()
    assert {case.status for case in cases} == {"decided"}
    assert min(case.amount for case in cases) == 102
    assert all(case.opened_at < case.decided_at < NOON + DAY for case in cases)
    assert {case.decided_by for case in cases} == set(desk)
    assert Handling.objects.filter(ending="verdict", first_viewed_at__isnull=False).count() == 20
    assert CaseEvent.objects.filter(kind="verdict").count() == 20


def test_verdicts_mostly_agree_with_labels(desk):
    flag_days(days=10, a_day=4)

    work(desk)

    said = Label.objects.filter(source="analyst").select_related("decision")
    right = [label for label in said if (label.label == "fraud") == (label.decision.amount % 2 == 1)]
    assert len(right) / len(said) > 0.8


def test_what_would_be_decided_in_the_future_stays_open(desk):
    make_decision(occurred_at=NOON)

    work_off(since=NOON - DAY, until=NOON + HOUR / 3600, a_day=4, analysts=desk)

    assert Case.objects.get().status == "open"


def test_twice_changes_nothing(desk):
    flag_days(days=2, a_day=2)
    work(desk)

    assert work(desk) == 0
