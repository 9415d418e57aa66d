"""`manage.py api_key`: a key is printed once; codes 0, 1 and 2 tell programs how it went."""

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from scoring.models import ApiKey
from scoring.services.keys import digest
from tests.factories import DAY, NOON, make_service_account, make_user

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """What is printed."""
    out = StringIO()
    call_command("api_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def facts(*arguments: str):
    return json.loads(run(*arguments, "--json"))


def code(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    return refused.value.returncode, str(refused.value)


def make(name: str = "shop", *options: str) -> ApiKey:
    return ApiKey.objects.get(id=facts("create", name, "--scope", "read", *options)["id"])


def test_the_key_alone_is_on_stdout():
    printed = run("create", "shop", "--scope", "decide", "--scope", "read")

    row = ApiKey.objects.get()
    assert row.sha256 == digest(printed.removesuffix("\n"))
    assert (row.name, row.scopes) == ("shop", ["decide", "read"])


def test_a_key_is_made_with_all_that_is_said():
    bot, mia = make_service_account(), make_user("manager")
    before = now()

    made = facts(
        "create", "desk", "--scope", "cases", "--user", "desk-bot", "--rate-limit", "20", "--expires-in", "90",
        "--by", "mia",
    )  # fmt: skip

    row = ApiKey.objects.get()
    assert (row.user, row.rate_limit, row.created_by) == (bot, 20, mia)
    assert before + 90 * DAY <= row.expires_at <= now() + 90 * DAY
    assert row.sha256 == digest(made["key"])
    assert (made["user"], made["state"], made["last_used_at"]) == ("desk-bot", "active", None)


def test_who_does_it_hands_out_no_key_for_who_may_do_more():
    make_user("manager")
    make_user()
    key = facts("create", "desk", "--scope", "cases", "--user", "alice")

    made, said = code("create", "desk", "--scope", "cases", "--user", "alice", "--by", "mia")
    rotated, said_again = code("rotate", key["prefix"], "--by", "mia")

    assert (made, rotated) == (2, 1)
    assert "mia may hand out no key that acts for alice" in said
    assert said == said_again
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "desk", "--scope", "cases"], "name a user"),
        (["create", "desk", "--scope", "read", "--user", "nobody"], "--user: there is nobody"),
        (["create", "desk", "--scope", "read", "--by", "nobody"], "--by: there is nobody"),
        (["rotate", "999999"], "no such key"),
        (["revoke", "9" * 40], "no such key"),
    ],
)
def test_what_cannot_be_is_told_with_code_2(arguments, words):
    returned, said = code(*arguments)

    assert returned == 2
    assert words in said
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "x"],
        ["create", "x", "--scope", "root"],
        ["create", "", "--scope", "read"],
        ["create", "x" * 65, "--scope", "read"],
        ["create", "a\nb", "--scope", "read"],
        ["create", "\udcff", "--scope", "read"],
        ["create", "x", "--scope", "read", "--rate-limit", "0"],
        ["create", "x", "--scope", "read", "--rate-limit", "9" * 5000],
        ["create", "x", "--scope", "read", "--expires-in", "-1"],
        ["create", "x", "--scope", "read", "--expires-in", "99999"],
        ["rotate", "1", "--overlap", "1.5"],
    ],
)
def test_bad_arguments_make_nothing(arguments):
    with pytest.raises(CommandError):
        run(*arguments)

    assert not ApiKey.objects.exists()


def test_a_shell_sees_code_2_for_bad_arguments():
    command = [sys.executable, "manage.py", "api_key", "create", "x", "--scope", "root"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "fraudapp.settings"}

    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "root" in ended.stderr


def test_keys_are_listed_and_never_shown_again():
    key = facts("create", "shop", "--scope", "read")["key"]
    row, other = ApiKey.objects.get(), make("other")
    run("revoke", str(other.id))

    words, listed = run("list"), facts("list")

    assert [one["id"] for one in listed] == [other.id, row.id]
    assert [one["state"] for one in listed] == ["revoked", "active"]
    assert [one["id"] for one in facts("list", "--state", "revoked")] == [other.id]
    assert row.prefix in words
    assert "last used never" in words
    for shown in (words, str(listed)):
        assert key not in shown
        assert row.sha256 not in shown


def test_a_key_is_rotated_by_its_number_or_its_beginning():
    make_user("manager")
    old = make()

    second = facts("rotate", str(old.id), "--overlap", "0", "--by", "mia")
    third = run("rotate", second["prefix"]).strip()

    old.refresh_from_db()
    assert old.expires_at <= now()
    assert (second["rotated_from"], second["created_by"]) == (old.id, "mia")
    assert ApiKey.objects.get(sha256=digest(third)).rotated_from_id == second["id"]


def test_a_key_that_cannot_be_rotated_is_told_with_code_1():
    row = make()
    run("revoke", str(row.id))

    returned, said = code("rotate", str(row.id))

    assert returned == 1
    assert "is revoked" in said


def test_revoking_twice_is_no_failure_and_changes_nothing():
    row = make()
    assert "is revoked" in run("revoke", str(row.id))
    ApiKey.objects.update(revoked_at=NOON)

    assert "was revoked before" in run("revoke", str(row.id))
    assert facts("revoke", str(row.id))["revoked_at"] == NOON.isoformat()


def test_a_whole_key_given_by_mistake_is_not_repeated():
    key = facts("create", "shop", "--scope", "read")["key"]

    returned, said = code("revoke", key)

    assert returned == 2
    assert key not in said


def test_keys_that_begin_alike_are_told_apart_by_their_number():
    first, second = make("a"), make("b")
    ApiKey.objects.update(prefix="fk_same")

    assert code("revoke", "fk_same")[0] == 2
    run("revoke", str(second.id))

    first.refresh_from_db()
    assert first.revoked_at is None
