"""Four eyes hold through a second review: whoever takes it, notes on it and decides it, by whichever key."""

from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils.timezone import now

from cases.models import Case, Check, Verdict
from cases.services import checks, settling
from cases.services.settling import OwnVerdictError
from scoring.models import ApiKey
from scoring.services.keys import digest, rotate_key
from tests.cases.case_calls import at
from tests.cases.keys_at_hand import hand_of, key_for
from tests.cases.reviewing import THEN, decided_case, review_everything, take
from tests.factories import HOUR, make_case
from tests.scoring.api_calls import Caller, problem_of

pytestmark = pytest.mark.django_db

SAID = {"verdict": "legitimate", "typology": "", "note": ""}


def in_review_by(first, reviewer) -> tuple[Case, Check]:
    """A case of yesterday the first has decided; the reviewer has it for review."""
    review_everything()
    make_case(card_id="waits", due_at=now() + HOUR)
    case = decided_case(first, decided_at=THEN)
    check = take(reviewer, now=now())
    assert check is not None
    return case, check


def program_of(user, maker) -> Caller:
    return Caller(Client(), key_for(user, maker)[0])


@pytest.mark.parametrize(("call", "body"), [("verdict/", {"verdict": "legitimate"}), ("notes/", {"note": "a son"})])
def test_a_key_of_who_stands_behind_the_first_verdict_goes_on_with_no_review(says, approves, mia, zoe, call, body):
    case, check = in_review_by(hand_of(says, mia), hand_of(approves, zoe))

    problem = problem_of(program_of(approves, mia).post(at(case, call), body), 403)

    assert problem["detail"].startswith("Mia may not work on this case")
    assert "by a key that somebody else made" in problem["detail"]
    assert "fraud" not in problem["detail"]
    check.refresh_from_db()
    assert (check.decided_at, check.note, check.notes) == (None, "", [])
    assert check.reviewer_people == sorted([approves.id, zoe.id])
    assert program_of(approves, zoe).post(at(case, call), body).status_code == 201


def test_a_review_that_the_first_person_took_is_let_go_and_not_decided(client, bob, mia, says):
    """As one taken before anybody knew who stood behind the first verdict."""
    case, check = in_review_by(says, hand_of(bob, None))
    Check.objects.update(first_people=[says.id, bob.id], reviewer_people=None)
    client.force_login(bob)

    refused = client.post(f"/cases/{case.id}/verdict/", SAID)

    assert refused.status_code == 403
    check.refresh_from_db()
    assert check.decided_at is None
    checks.give_back(check)
    assert take(bob, now=now()) is None
    assert take(mia, now=now()) is not None


def test_who_took_it_is_not_forgotten_when_another_key_notes_on_it_or_decides_it(approves, alice, bob, mia, zoe, aude):
    _, check = in_review_by(alice, hand_of(approves, zoe))
    checks.add_note(check, author=hand_of(approves, aude), text="seen", now=now())
    checks.record(check, reviewer=hand_of(approves, mia), **SAID, decided_at=now())

    check.refresh_from_db()
    assert check.reviewer_people == sorted([approves.id, zoe.id, aude.id, mia.id])
    for person in (zoe, aude, mia, approves, alice):
        with pytest.raises(OwnVerdictError):
            settling.settle(check_id=check.id, verdict="fraud", reason="x", actor=person, now=now())
    settling.settle(check_id=check.id, verdict="fraud", reason="x", actor=bob, now=now())


def test_who_had_a_review_before_and_let_it_go_does_not_stand_behind_it(approves, alice, bob, zoe):
    _, check = in_review_by(alice, hand_of(approves, zoe))
    checks.give_back(check)

    taken = take(bob, now=now())

    assert taken is not None
    assert Check.objects.get().reviewer_people == [bob.id]


def test_the_database_keeps_one_person_from_both_sides_of_a_review(says, approves, mia, zoe):
    in_review_by(hand_of(says, mia), hand_of(approves, zoe))

    with pytest.raises(IntegrityError, match="check_four_eyes_of_two_people"), transaction.atomic():
        Check.objects.update(reviewer_people=[approves.id, mia.id])


# --- the upgrade ---------------------------------------------------------------------------------------------------


def migrate(*targets: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def to_before(transactional_db) -> Iterator[None]:
    """Whatever happens, those that come after find the tables as they are."""
    try:
        yield
    finally:
        migrate()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_upgrade_names_who_stands_behind_first_verdicts_whose_key_is_known(to_before, says, mia, zoe, alice):
    review_everything()
    first = key_for(says, mia)[1]
    rotated = ApiKey.objects.get(sha256=digest(rotate_key(first, at=THEN, by=zoe)))
    by_key, by_hand = decided_case(says, decided_at=THEN), decided_case(alice, decided_at=THEN)
    Verdict.objects.filter(case=by_key).update(api_key=rotated)
    Check.objects.update(first_people=None)
    migrate(("cases", "0018_hands_and_reviews"))

    migrate()

    assert Check.objects.get(case=by_key).first_people == sorted([says.id, mia.id, zoe.id])
    assert Check.objects.get(case=by_hand).first_people is None
