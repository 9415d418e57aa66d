"""What is hidden from whom, and draws that are the same when made again."""

from math import sqrt
from uuid import UUID

import pytest

from cases import chance
from cases.models import Case, Handling, Reviewer
from cases.queries.sight import sight_of, sight_of_reviewer
from cases.services import claims
from cases.services.review_settings import change_settings, current_settings
from cases.sight import Sight
from tests.factories import NOON, make_case

IDS = [UUID(int=number) for number in range(10_000)]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_draw_takes_the_share_it_is_asked_for(share):
    taken = sum(chance.fraction("a fixed salt", "second", one) < share for one in IDS)

    # Four standard deviations of a binomial; the ids and the salt are fixed, so this always says the same.
    assert abs(taken - share * len(IDS)) < 4 * sqrt(len(IDS) * share * (1 - share))


def test_a_draw_is_the_same_when_made_again_and_another_with_another_salt():
    first = [chance.fraction("salt", "second", one) for one in IDS[:100]]

    assert first == [chance.fraction("salt", "second", one) for one in IDS[:100]]
    assert first != [chance.fraction("other", "second", one) for one in IDS[:100]]
    assert all(0 <= one < 1 for one in first)


def test_what_two_people_are_shown_at_random_has_nothing_to_do_with_each_other():
    shown = [
        [Sight(user, "random", 0.5, "salt").variant_of(one) == "data_first" for one in IDS] for user in (1, 2)
    ]  # fmt: skip
    alike = sum(one == other for one, other in zip(*shown, strict=True))

    assert abs(alike - 5_000) < 200


@pytest.mark.parametrize(
    ("desk", "own", "is_hidden"),
    [("never", "", False), ("always", "", True), ("always", "never", False), ("never", "always", True)],
)
def test_what_is_set_for_a_person_goes_before_the_desk(alice, desk, own, is_hidden):
    change_settings(values={"display": desk}, displays={alice.id: own})

    sight = sight_of(alice)

    assert sight.hides_score(IDS[0], "open") == is_hidden
    assert not sight.hides_score(IDS[0], "decided")
    assert not sight.hides_score(None, "")


def test_who_decides_nothing_is_shown_everything(mia):
    change_settings(values={"display": "always"}, displays={})

    assert not sight_of(mia).hides_score(IDS[0], "open")


def test_a_desk_that_never_set_anything_hides_nothing(alice):
    assert sight_of_reviewer(alice) == Sight(alice.id)


def test_a_claim_keeps_what_was_shown(alice, bob, case):
    change_settings(values={"display": "never"}, displays={alice.id: "always"})

    claims.claim(case=case, analyst=alice, now=NOON)
    claims.claim(case=make_case(), analyst=bob, now=NOON)

    assert list(Handling.objects.order_by("id").values_list("variant", flat=True)) == ["data_first", "score_first"]


def test_settings_are_one_row_with_a_salt_of_its_own(db):
    first = current_settings()
    change_settings(values={"second_share": 0.2}, displays={})

    again = current_settings()
    assert (again.salt, again.second_share) == (first.salt, 0.2)
    assert len(first.salt) == 32
    assert not Reviewer.objects.exists()


def test_masks_take_away_what_was_said_of_a_case_under_review():
    sight = Sight(1, blind=frozenset({IDS[1]}))
    said = {"label": "fraud", "label_source": "analyst", "case_status": "decided", "case_verdict": "fraud"}
    rows = [{"case_id": IDS[1], **said}, {"case_id": IDS[2], **said}, {"case_id": "", **said}]
    case = Case(id=IDS[1], status="decided", verdict="fraud")

    sight.mask_rows(rows)
    sight.mask_cases([case])

    assert [row["label"] for row in rows] == ["", "fraud", "fraud"]
    assert rows[0]["case_status"] == "open"
    assert (case.status, case.verdict) == ("open", "")
