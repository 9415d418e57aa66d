"""What becomes of a verdict by REST: taken back, looked at once more, approved by a second person."""

import pytest

from cases.models import ApprovalLimit, Case, Verdict
from scoring.models import Label
from tests.cases.case_calls import at, calls_for
from tests.cases.reviewing import decided_case
from tests.cases.verdict_calls import labels, say, settle
from tests.factories import make_case, make_decision
from tests.scoring.api_calls import fields_named, problem_of

# --- undo, reopen --------------------------------------------------------------------------------------------------


def test_a_verdict_is_taken_back_before_it_takes_effect(program, pair):
    say(program, pair, block_days=7)

    answer = program.post(at(pair, "undo/"), {}).json()

    assert (answer["status"], answer["verdict"], answer["claim"]["username"]) == ("open", "", "alice")
    assert Verdict.objects.get().state == "undone"
    assert not Label.objects.exists()


def test_a_verdict_in_effect_is_not_taken_back(program, pair):
    say(program, pair)
    settle()

    assert problem_of(program.post(at(pair, "undo/"), {}), 409)["refusal"] == "too_late"
    assert Case.objects.get().status == "decided"


def test_the_verdict_of_another_is_not_taken_back(program, bob, pair):
    say(program, pair)

    problem_of(calls_for(bob).post(at(pair, "undo/"), {}), 403)

    assert Verdict.objects.get().state == "waiting"


def test_an_open_case_has_no_verdict_to_take_back(program, pair):
    assert problem_of(program.post(at(pair, "undo/"), {}), 409)["refusal"] == "too_late"


def test_a_decided_case_is_opened_again_with_a_reason(program, alice):
    case = decided_case(alice)

    answer = program.post(at(case, "reopen/"), {"reason": "the bank called"}).json()

    assert (answer["status"], answer["claim"]["username"]) == ("open", "alice")
    assert case.events.get(kind="reopened").text == "the bank called"


def test_what_is_not_decided_is_not_opened_again(program, pair):
    assert problem_of(program.post(at(pair, "reopen/"), {"reason": "x"}), 409)["refusal"] == "not_decided"
    say(program, pair)
    assert problem_of(program.post(at(pair, "reopen/"), {"reason": "x"}), 409)["refusal"] == "not_decided"
    settle()
    assert fields_named(program.post(at(pair, "reopen/"), {})) == {"reason"}


def test_with_a_newer_case_of_the_card_the_work_goes_on_there(program, alice):
    case = decided_case(alice, decisions=[make_decision(card_id="k")])
    make_case(decisions=[make_decision(card_id="k")])

    assert problem_of(program.post(at(case, "reopen/"), {"reason": "x"}), 409)["refusal"] == "has_open_case"


# --- four eyes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(program, pair):
    """A verdict of alice that waits for a second person."""
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    return say(program, pair).json()


def test_a_verdict_above_the_limit_waits(program, waiting, pair):
    assert (waiting["state"], waiting["needs_approval"], waiting["undo_until"]) == ("approval", True, None)
    assert program.get(at(pair)).json()["status"] == "approval"
    assert problem_of(say(program, pair), 409)["status_of_case"] == "approval"


def test_a_second_person_approves_and_it_takes_effect_at_once(bob, waiting, pair):
    answer = calls_for(bob).post(at(pair, "approve/"), {"verdict_id": waiting["id"]}).json()

    assert (answer["status"], answer["verdict"], answer["decided_by"]["username"]) == ("decided", "fraud", "alice")
    assert labels() == {"t-0": "fraud", "t-1": "fraud"}
    assert Verdict.objects.get().settled_by == bob


def test_nobody_approves_or_refuses_what_they_said_themselves(bob, pair):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    lead = calls_for(bob)
    said = say(lead, pair).json()

    for action, more in (("approve", {}), ("refuse", {"reason": "x"})):
        problem_of(lead.post(at(pair, f"{action}/"), {"verdict_id": said["id"], **more}), 403)

    assert Verdict.objects.get().state == "approval"


def test_a_refused_verdict_opens_the_case_for_who_said_it(bob, waiting, pair):
    body = {"verdict_id": waiting["id"], "reason": "ask the bank first", "hands_back": True}

    answer = calls_for(bob).post(at(pair, "refuse/"), body).json()

    assert (answer["status"], answer["claim"]["username"]) == ("open", "alice")
    assert Verdict.objects.get().refusal == "ask the bank first"


def test_another_verdict_than_the_one_that_was_read_is_not_approved(program, bob, waiting, pair):
    program.post(at(pair, "undo/"), {})
    say(program, pair, note="said anew")

    problem = problem_of(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": waiting["id"]}), 409)

    assert problem["refusal"] == "nothing_waits"
    assert Case.objects.get().status == "approval"


def test_a_verdict_the_case_does_not_have_is_not_there(bob, waiting, pair):
    problem_of(calls_for(bob).post(at(make_case(), "approve/"), {"verdict_id": waiting["id"]}), 404)
    problem_of(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": 2**63 - 1}), 404)
    assert fields_named(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": 2**63})) == {"verdict_id"}
