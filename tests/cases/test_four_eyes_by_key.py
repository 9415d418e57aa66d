"""Four eyes are those of two people: who made a key counts as who acts by it."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from cases.hands import act_by_key
from cases.models import ApprovalLimit, Case, Check, Verdict
from cases.queries.hands import people_behind
from cases.services import approvals, checks, settling, verdicts
from cases.services.settling import OwnVerdictError
from scoring.models import ApiKey
from scoring.services.keys import digest, rotate_key
from tests.cases.case_calls import at
from tests.cases.keys_at_hand import hand_of, key_for
from tests.cases.reviewing import decided_case, review_everything, take
from tests.factories import HOUR, MINUTE, NOON, make_case
from tests.scoring.api_calls import Caller, problem_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limit(db):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)


def waiting(analyst) -> Verdict:
    return verdicts.record(case=make_case(), analyst=analyst, verdict="fraud", decided_at=NOON)


def refused(verdict: Verdict, approver) -> str:
    """Why the approver may not settle it; nothing has changed."""
    with pytest.raises(approvals.SamePersonError) as refusal:
        approvals.approve(verdict=verdict, approver=approver, now=NOON + MINUTE)
    with pytest.raises(approvals.SamePersonError):
        approvals.refuse(verdict=verdict, approver=approver, reason="x", hands_back=False, now=NOON + MINUTE)
    verdict.refresh_from_db()
    assert (verdict.state, verdict.checkers) == ("approval", None)
    return str(refusal.value)


def test_two_keys_of_one_maker_are_one_person(says, approves, mia):
    said = refused(waiting(hand_of(says, mia)), hand_of(approves, mia))

    assert said.startswith("Mia stands behind both the verdict and your word on it")
    assert "by a key that somebody else made" in said


def test_keys_of_two_makers_are_two_people(says, approves, mia, zoe):
    verdict = waiting(hand_of(says, mia))

    approvals.approve(verdict=verdict, approver=hand_of(approves, zoe), now=NOON + MINUTE)

    verdict.refresh_from_db()
    assert verdict.state == "done"
    assert set(verdict.makers) == {says.id, mia.id}
    assert set(verdict.checkers) == {approves.id, zoe.id}


def test_who_made_the_key_does_not_approve_what_was_said_by_it(says, mia):
    refused(waiting(hand_of(says, mia)), mia)


def test_who_said_it_does_not_approve_it_by_a_key_they_made(approves, alice):
    refused(waiting(alice), hand_of(approves, alice))


def test_who_said_it_is_told_so_as_before(alice):
    with pytest.raises(approvals.OwnVerdictError) as refusal:
        approvals.approve(verdict=waiting(alice), approver=hand_of(alice, None), now=NOON + MINUTE)

    assert type(refusal.value) is approvals.OwnVerdictError


def test_a_key_that_nobody_is_named_for_has_its_user_behind_it(says, approves):
    verdict = waiting(hand_of(says, None))

    approvals.approve(verdict=verdict, approver=hand_of(approves, None), now=NOON + MINUTE)

    assert Verdict.objects.get().state == "done"


def test_a_rotation_adds_who_rotated_and_keeps_who_made_the_first(says, mia, zoe):
    _, first = key_for(says, mia)
    second = ApiKey.objects.get(sha256=digest(rotate_key(first, at=NOON, by=zoe)))
    third = ApiKey.objects.get(sha256=digest(rotate_key(second, at=NOON, by=None)))

    assert people_behind(says.id, first.id) == {says.id, mia.id}
    assert people_behind(says.id, second.id) == people_behind(says.id, third.id) == {says.id, mia.id, zoe.id}


def test_a_rotated_key_does_not_hide_who_made_it(says, approves, mia, zoe):
    old = key_for(approves, mia)[1]
    new = ApiKey.objects.get(sha256=digest(rotate_key(old, at=NOON, by=zoe)))

    refused(waiting(hand_of(says, mia)), act_by_key(approves, new.id))
    refused(waiting(hand_of(says, zoe)), act_by_key(approves, new.id))


def test_what_waits_no_more_is_told_so_to_the_same_person_too(says, approves, mia, bob):
    verdict = waiting(hand_of(says, mia))
    approvals.approve(verdict=verdict, approver=bob, now=NOON + MINUTE)

    with pytest.raises(approvals.NothingToApproveError):
        approvals.approve(verdict=verdict, approver=hand_of(approves, mia), now=NOON + MINUTE)


def test_the_database_keeps_one_person_from_both_sides(says, approves, mia, zoe):
    verdict = waiting(hand_of(says, mia))
    approvals.approve(verdict=verdict, approver=hand_of(approves, zoe), now=NOON + MINUTE)

    with pytest.raises(IntegrityError, match="verdict_four_eyes_of_two_people"), transaction.atomic():
        Verdict.objects.update(checkers=[approves.id, mia.id])


def test_by_rest_the_second_key_of_one_maker_is_refused_with_the_way_out(says, approves, mia, zoe):
    case = make_case()
    maker, checker, other = (
        Caller(Client(), key_for(user, made_by)[0]) for user, made_by in ((says, mia), (approves, mia), (approves, zoe))
    )
    said = maker.post(at(case, "verdict/"), {"verdict": "fraud"}).json()
    assert said["state"] == "approval"

    for action, more in (("approve", {}), ("refuse", {"reason": "x"})):
        problem = problem_of(checker.post(at(case, f"{action}/"), {"verdict_id": said["id"], **more}), 403)
        assert "Mia stands behind both" in problem["detail"]
        assert "by a key that somebody else made" in problem["detail"]
    assert Case.objects.get(id=case.id).status == "approval"

    assert other.post(at(case, "approve/"), {"verdict_id": said["id"]}).status_code == 200


def test_in_the_console_the_maker_of_the_key_is_told_why(client, says, bob):
    case = make_case()
    said = verdicts.record(case=case, analyst=hand_of(says, bob), verdict="fraud", decided_at=NOON)
    client.force_login(bob)

    response = client.post(f"/cases/{case.id}/verdicts/{said.id}/approve/")

    assert response.status_code == 422
    assert "Bob stands behind both the verdict and your word on it" in response.content.decode()


# --- second reviews ------------------------------------------------------------------------------------------------


def said_first(analyst) -> Case:
    """A case that was decided, for a second review."""
    review_everything()
    make_case(card_id="waits")
    ApprovalLimit.objects.all().delete()
    return decided_case(analyst)


def test_a_second_review_goes_to_nobody_behind_the_first_verdict(says, approves, mia, bob):
    said_first(hand_of(says, mia))

    assert take(hand_of(approves, mia)) is None
    assert take(mia) is None
    assert take(bob) is not None


def test_a_program_of_who_said_it_first_gets_no_second_review(approves, alice, mia):
    said_first(alice)

    assert take(hand_of(approves, alice)) is None
    assert take(hand_of(approves, mia)) is not None


def test_a_disagreement_is_settled_by_nobody_behind_either_side(says, approves, mia, zoe, bob):
    said_first(hand_of(says, mia))
    reviewer = hand_of(approves, zoe)
    check = take(reviewer)
    said = {"verdict": "legitimate", "typology": "", "note": ""}
    checks.record(check, reviewer=reviewer, **said, decided_at=NOON + HOUR)

    for person in (mia, zoe, says, approves):
        with pytest.raises(OwnVerdictError):
            settling.settle(check_id=check.id, verdict="fraud", reason="x", actor=person, now=NOON + HOUR)
    settling.settle(check_id=check.id, verdict="fraud", reason="x", actor=bob, now=NOON + HOUR)

    assert Check.objects.get().settled_by == bob
