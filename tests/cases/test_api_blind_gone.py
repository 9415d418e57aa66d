"""A blind review that ran out while its reviewer's program was at work: nothing it sends is for the decided case."""

import re

import pytest
from django.utils.timezone import now

from cases.api.urls import urlpatterns
from cases.models import Case, CaseEvent, Check
from cases.services import checks
from scoring.models import Label
from tests.cases.case_calls import at, calls_for
from tests.cases.reviewing import in_review, take
from tests.factories import HOUR, make_user
from tests.scoring.api_calls import problem_of

SAID = re.compile(r"fraud|lice|thief|stolen|decided")
BODIES = {
    "skip": {"reason": "x"}, "escalate": {"reason": "x"}, "move": {"queue": "general"},
    "snooze": {"until": "2100-01-01T00:00:00Z", "reason": "x"}, "notes": {"note": "x"}, "tags": {"add": ["x"]},
    "reopen": {"reason": "x"}, "verdict": {"verdict": "legitimate"}, "approve": {"verdict_id": 1},
    "refuse": {"verdict_id": 1, "reason": "x"},
}  # fmt: skip
NAMES = [pattern.name.removeprefix("api_case_") for pattern in urlpatterns if pattern.name.startswith("api_case_")]
ACTIONS = [name for name in NAMES if name != "history"]


@pytest.fixture
def gone(alice, bob):
    """A case whose review bob had until it ran out."""
    case = in_review(alice, bob)
    Check.objects.update(taken_until=now() - HOUR)
    checks.return_expired(now=now())
    return case


@pytest.fixture
def program(bob, gone):
    return calls_for(bob)


def state_of(case):
    events = list(CaseEvent.objects.filter(case=case).values_list("id", flat=True))
    return Case.objects.filter(id=case.id).values().get(), events, Label.objects.count(), case.tags.count()


def test_all_actions_are_asked_here():
    assert {*BODIES, "claim", "release", "wake", "undo"} == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS)
def test_whatever_is_sent_is_refused_without_a_word_of_the_verdict(program, gone, action):
    before = state_of(gone)

    response = program.post(at(gone, f"{action}/"), BODIES.get(action, {}))

    assert problem_of(response, 409)["refusal"] == "released"
    assert SAID.findall(response.content.decode()) == []
    assert state_of(gone) == before
    assert Check.objects.get().note == ""


@pytest.mark.parametrize("decides", [False, True])
def test_it_is_refused_too_when_somebody_else_has_the_review(program, gone, decides):
    nina = make_user(username="nina")
    taken = take(nina, now=now())
    if decides:
        checks.record(taken, reviewer=taken.analyst, verdict="fraud", typology="", note="", decided_at=now())

    assert problem_of(program.post(at(gone, "notes/"), {"note": "x"}), 409)["refusal"] == "released"
    assert not gone.events.filter(text="x").exists()


def test_who_reads_the_case_as_it_is_goes_on_with_it(program, gone):
    assert program.get(at(gone)).json()["status"] == "decided"

    assert program.post(at(gone, "notes/"), {"note": "I know now"}).status_code == 201
    assert gone.events.filter(text="I know now").exists()


def test_reading_it_under_review_is_not_reading_it_as_it_is(alice, bob):
    case = in_review(alice, bob)
    program = calls_for(bob)
    program.get(at(case))
    program.post(at(case, "release/"), {})

    assert problem_of(program.post(at(case, "notes/"), {"note": "x"}), 409)["refusal"] == "released"


def test_others_work_on_the_case_as_ever(alice, gone):
    assert calls_for(alice).post(at(gone, "notes/"), {"note": "x"}).status_code == 201


def test_who_said_their_word_is_refused_as_on_any_decided_case(alice, bob):
    case = in_review(alice, bob)
    program = calls_for(bob)
    assert program.post(at(case, "verdict/"), {"verdict": "legitimate"}).status_code == 201

    assert problem_of(program.post(at(case, "claim/"), {}), 409)["refusal"] == "not_open"
