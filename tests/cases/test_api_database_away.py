"""The database goes away within a call: who is told that nothing was stored is told the truth."""

import pytest
from django.db import OperationalError

from cases.models import Case, CaseEvent, Handling, Verdict
from tests.cases.case_calls import CASES, at
from tests.cases.verdict_calls import say
from tests.scoring.api_calls import problem_of


def away(*args, **kwargs):
    raise OperationalError("the server closed the connection")


def test_a_verdict_that_cannot_be_answered_is_not_said(program, case, monkeypatch):
    monkeypatch.setattr("cases.api.verdicts.verdict_answer", away)

    problem_of(say(program, case), 503)

    assert not Verdict.objects.exists()
    assert Case.objects.get().status == "open"


@pytest.mark.parametrize(("action", "body"), [("claim", {}), ("skip", {"reason": "x"}), ("tags", {"add": ["x"]})])
def test_an_action_that_cannot_be_answered_is_not_done(program, case, monkeypatch, action, body):
    monkeypatch.setattr("cases.api.base.row_answer", away)
    events = CaseEvent.objects.count()

    problem_of(program.post(at(case, f"{action}/"), body), 503)

    assert CaseEvent.objects.count() == events
    assert Case.objects.get().claimed_by is None


def test_a_case_that_cannot_be_shown_is_not_handed_out(program, case, monkeypatch):
    monkeypatch.setattr("cases.api.answers.detail_answer", away)

    problem_of(program.post(f"{CASES}next/", {}), 503)

    assert Case.objects.get().claimed_by is None
    assert not Handling.objects.exists()
