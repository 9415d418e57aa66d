"""What the published schema says of cases."""

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from cases.api import actions, bodies, examples, schemas, verdicts, views
from tests.scoring.api_calls import problem_of

BODY_OF = {
    "claim_case": bodies.ClaimBody, "next_case": bodies.NextBody, "skip_case": bodies.SkipBody,
    "escalate_case": bodies.EscalateBody, "move_case": bodies.MoveBody, "snooze_case": bodies.SnoozeBody,
    "note_case": bodies.NoteBody, "tag_case": bodies.TagsBody, "reopen_case": bodies.ReopenBody,
    "approve_verdict": bodies.ApproveBody, "refuse_verdict": bodies.RefuseBody, "decide_case": bodies.VerdictBody,
}  # fmt: skip
ANSWERS = [
    (schemas.CaseSchema, examples.CASE), (schemas.CasePageSchema, examples.CASE_PAGE),
    (schemas.NoteSchema, examples.NOTE), (schemas.VerdictSchema, examples.VERDICT),
]  # fmt: skip


@pytest.fixture(scope="module")
def published():
    return SchemaGenerator().get_schema(request=None, public=True)


def cases_calls(published):
    return {
        f"{method} {path}": call
        for path, calls in published["paths"].items()
        for method, call in calls.items()
        if path.startswith("/api/v1/cases/")
    }


def test_every_call_says_what_it_does_and_how_it_is_refused(published):
    calls = cases_calls(published)

    assert len(calls) == 18
    for name, call in calls.items():
        assert call["description"], name
        expected = {"401", "403", "429", "503"} | ({"409"} if "/{id}/" in name and name.startswith("post") else set())
        assert expected <= call["responses"].keys(), name
        assert all(answer["description"] for status, answer in call["responses"].items() if status >= "400"), name


def test_every_call_has_a_name_of_its_own(published):
    names = [call["operationId"] for call in cases_calls(published).values()]

    assert len(set(names)) == len(names)


def test_every_example_of_a_body_is_one_that_is_taken():
    assert BODY_OF.keys() == examples.BODIES.keys()
    for name, body in examples.BODIES.items():
        assert BODY_OF[name](data=body).is_valid(), name


@pytest.mark.parametrize(("schema", "answer"), ANSWERS)
def test_every_example_of_an_answer_has_its_fields(schema, answer):
    assert schema().fields.keys() == answer.keys()


def test_every_field_that_is_sent_or_answered_is_described():
    for module in (bodies, schemas):
        for schema in vars(module).values():
            if isinstance(schema, type) and issubclass(schema, serializers.Serializer):
                wordless = [
                    name
                    for name, field in schema().fields.items()
                    if not field.help_text and name not in ("type", "title", "status", "detail", "errors")
                ]
                assert wordless == [], schema.__name__


def test_no_call_is_open(client, case):
    addresses = {view: getattr(view, "scope", None) for module in (actions, verdicts, views) for view in _views(module)}

    assert len(addresses) == 18
    assert set(addresses.values()) == {"cases"}
    problem_of(client.options("/api/v1/cases/"), 401)


def _views(module):
    return [one for name, one in vars(module).items() if name.endswith("View") and one.__module__ == module.__name__]
