"""`manage.py dead_letters`: the same by command."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from streams.source import LABELS, TRANSACTIONS
from tests.memory_stream import MemoryStream
from tests.scoring.payments import body_of
from tests.streams.letters import make_letter, send_to, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def out(monkeypatch) -> MemoryStream:
    """Where letters are sent again."""
    return send_to(MemoryStream(), monkeypatch)


def run(*arguments: str) -> Any:
    out = StringIO()
    call_command("dead_letters", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_lists_shows_sends_and_sets_aside(out, tmp_path):
    letter, other = make_letter(b"{"), make_letter(b"{", stream=LABELS)
    corrected = tmp_path / "corrected.json"
    corrected.write_bytes(body_of() + b"\n")

    assert [one["id"] for one in run("list", "--stream", TRANSACTIONS)] == [letter.id]
    assert run("show", str(letter.id))["record"] == "{"
    assert run("resend", str(letter.id), "--body", str(corrected)) == {"sent": [letter.id], "refused": {}}
    assert run("set-aside", str(other.id), "--reason", "old") == {"set_aside": [other.id]}

    assert sent(out) == [corrected.read_bytes().strip()]
    assert [one["id"] for one in run("list", "--state", "set_aside")] == [other.id]
    assert run("show", str(letter.id))["done"][0]["what"] == "resend"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "999999"], 2), (["resend", "1", "2", "--body", "x"], 2), (["resend", "1", "--body", "/nowhere"], 2),
        (["resend", "999999"], 1), (["set-aside", "999999", "--reason", "x"], 1),
    ],
)  # fmt: skip
def test_the_command_says_by_its_exit_code_what_went_wrong(out, arguments, code):
    with pytest.raises(CommandError) as failed:
        call_command("dead_letters", *arguments, stdout=StringIO())

    assert failed.value.returncode == code


def test_the_list_prints_no_orders_to_the_terminal():
    make_letter(errors=[{"field": "\x1b[2J", "message": "x"}])
    out = StringIO()

    call_command("dead_letters", "list", stdout=out)

    assert "\x1b" not in out.getvalue()
