"""The demo begins with cases that somebody has worked on."""

import pytest

from cases.models import Attachment, Case, Tag
from streams.demo_desk import begin_desk
from tests.factories import DAY, MINUTE, NOON, make_decision, make_label, make_user


@pytest.fixture
def people(db):
    return {"alice": make_user("analyst"), "bob": make_user("lead")}


def test_the_demo_begins_with_cases_that_carry_notes_tags_a_file_and_sleep(people):
    for number in range(6):
        make_decision(card_id=f"card-{number}", occurred_at=NOON - number * MINUTE)
    make_label(make_decision(card_id="known"))
    make_decision(card_id="fine", outcome="approve")

    assert begin_desk(people, now=NOON + DAY) == 6

    assert not Case.objects.filter(card_id__in=["known", "fine"]).exists()
    assert sum(case.is_snoozed(NOON + DAY) for case in Case.objects.all()) == 1
    assert Attachment.objects.get().kind == "txt"
    assert Tag.objects.count() == 4
    assert Case.objects.filter(events__kind="note").count() == 2


def test_payments_that_have_a_case_are_left_alone(people):
    make_decision()
    begin_desk(people, now=NOON)

    assert begin_desk(people, now=NOON) == 0
    assert Case.objects.count() == 1


def test_a_history_without_doubtful_payments_begins_with_none(people):
    assert begin_desk(people, now=NOON) == 0
