"""Notes and tags by REST."""

import pytest

from tests.cases.case_calls import at
from tests.cases.reviewing import decided_case
from tests.scoring.api_calls import fields_named


def kinds(case):
    return list(case.events.order_by("id").values_list("kind", flat=True))


def test_a_note_is_written_to_open_and_decided_cases(program, alice, case):
    for one in (case, decided_case(alice, card_id="decided")):
        answer = program.post(at(one, "notes/"), {"note": "called\nthe bank"})

        assert answer.status_code == 201
        assert (answer.json()["text"], answer.json()["by"]["username"]) == ("called\nthe bank", "alice")
        assert one.events.filter(kind="note", text="called\nthe bank").count() == 1


@pytest.mark.parametrize("note", ["", " ", None, "x" * 2001, "\x00", "\ud800", {"a": 1}, ["x"]])
def test_a_note_that_is_none_is_refused(program, case, note):
    assert fields_named(program.post(at(case, "notes/"), {"note": note})) == {"note"}
    assert kinds(case) == ["opened"]


def test_tags_are_put_on_and_taken_off(program, case):
    program.post(at(case, "tags/"), {"add": ["Ring 7", "mule"]})

    answer = program.post(at(case, "tags/"), {"add": ["mule", "loan"], "remove": ["Ring 7", "never"]})

    assert answer.json()["tags"] == ["loan", "mule"]


def test_of_a_change_of_tags_all_is_done_or_nothing(program, case):
    program.post(at(case, "tags/"), {"add": [f"t{number}" for number in range(15)]})

    body = {"add": [f"u{number}" for number in range(7)], "remove": ["t0"]}

    assert fields_named(program.post(at(case, "tags/"), body)) == {"add"}
    assert case.tags.filter(name="t0").exists()


@pytest.mark.parametrize("body", [{"add": ["ä"]}, {"add": "mule"}, {"add": ["x" * 33]}, {"add": [{"a": 1}]}])
def test_what_is_no_tag_is_refused(program, case, body):
    fields = fields_named(program.post(at(case, "tags/"), body))

    assert {field.partition(".")[0] for field in fields} == {"add"}
    assert kinds(case) == ["opened"]
