"""The demo's weeks of review."""

import pytest

from cases.models import Case, Check, FirstVerdict
from cases.services.review_settings import current_settings
from scoring.models import Label
from streams.demo_reviews import follow_history, review_history
from tests.factories import DAY, HOUR, NOON, make_decision, make_label, make_user

pytestmark = pytest.mark.django_db


def test_what_was_flagged_is_decided_and_partly_reviewed_again_once():
    people = [make_user("analyst"), make_user("lead")]
    for number in range(30):
        payment = make_decision(card_id=f"card-{number:04d}", occurred_at=NOON - 3 * DAY + number * HOUR)
        if number % 3:
            make_label(payment, known_at=NOON - DAY)
    make_decision(outcome="approve")

    assert review_history(people) == 30
    follow_history(now=NOON)

    assert Case.objects.filter(status="decided").count() == FirstVerdict.objects.count() == 30
    assert set(FirstVerdict.objects.values_list("analyst__username", flat=True)) == {"alice", "bob"}
    assert set(FirstVerdict.objects.filter(analyst=people[0]).values_list("variant", flat=True)) == {
        "score_first",
        "data_first",
    }
    assert Check.objects.filter(kind="second").exclude(verdict="").exists()
    assert Check.objects.filter(kind="known", expected="fraud").exists()
    assert FirstVerdict.objects.filter(truth="fraud").count() == 20
    assert Label.objects.filter(source="analyst").exists()
    assert current_settings().second_share < 0.5
    assert review_history(people) == 0
