"""The history of a case by REST."""

import pytest

from cases.services import notes
from tests.cases.case_calls import at
from tests.factories import MINUTE, NOON
from tests.scoring.api_calls import fields_named


def test_the_history_goes_on_page_by_page(program, alice, case):
    for number in range(70):
        notes.add_note(case=case, author=alice, text=f"note {number}", now=NOON + number * MINUTE)

    texts, before = [], ""
    for _ in range(3):
        answer = program.get(f"{at(case, 'history/')}?before={before}").json()
        texts += [entry["text"] for entry in answer["entries"] if entry["title"] == "Note"]
        before = answer["older"]

    assert texts == [f"note {number}" for number in reversed(range(70))]
    assert before == ""


@pytest.mark.parametrize("before", ["x", "%00", "2026-99-99T00:00:00.000000Z_e1", "9" * 81])
def test_a_place_no_history_has_is_refused(program, case, before):
    assert fields_named(program.get(f"{at(case, 'history/')}?before={before}")) == {"before"}


def test_unknown_parameters_of_the_history_are_named(program, case):
    assert fields_named(program.get(f"{at(case, 'history/')}?after=x")) == {"after"}
