"""`manage.py reproduce`: a range, or some payments, made again."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from scoring.features.live import MemoryStore
from scoring.management.commands import reproduce
from scoring.models import Decision, Policy
from tests.factories import DAY
from tests.scoring.degraded import decide, some
from tests.scoring.payments import publish, tampering

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _decisions(db) -> None:
    """Seven, a second apart, the last two at one moment."""
    publish()
    rows = decide(MemoryStore(), *some(7))
    for number, row in enumerate(rows):
        decided_at = row.decided_at + timedelta(seconds=min(number, 5))
        Decision.objects.filter(id=row.id).update(decided_at=decided_at)


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    out = StringIO()
    try:
        call_command("reproduce", *arguments, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def name(number: int) -> str:
    return Decision.objects.order_by("id")[number].transaction_id


def later() -> str:
    return (now() + DAY).isoformat()


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_each_decision_of_a_range_is_looked_at_once(monkeypatch, chunk):
    monkeypatch.setattr(reproduce, "CHUNK", chunk)

    code, told = run("--json", "--until", later())

    assert code == 0
    assert json.loads(told) == {"decisions": 7, "same": 7, "different": 0, "missing": 0, "not_the_same": []}


def test_the_times_bound_what_is_looked_at():
    third, fifth = (Decision.objects.order_by("id")[i].decided_at.isoformat() for i in (2, 4))

    assert "3 decisions" in run("--since", third, "--until", fifth)[1]


def test_one_that_differs_is_named_and_ends_with_1():
    Decision.objects.filter(transaction_id=name(3)).update(outcome="decline")

    code, told = run("--until", later())

    assert code == 1
    assert f'{name(3)}  differs in outcome: recorded "decline", now "approve"' in told
    assert "6 the same, 1 different" in told


def test_machines_get_the_differences_too():
    Decision.objects.filter(transaction_id=name(3)).update(outcome="decline")

    out = StringIO()
    with pytest.raises(CommandError):
        call_command("reproduce", name(3), "--json", stdout=out)

    (one,) = json.loads(out.getvalue())["not_the_same"]
    assert one["differences"] == [{"field": "outcome", "recorded": "decline", "recomputed": "approve"}]


def test_what_is_gone_is_no_difference():
    with tampering():
        Policy.objects.all().update(version=9)

    code, told = run("--until", later())

    assert code == 0
    assert "of 7 something is gone" in told
    assert "policy 1 is not kept any more" in told


def test_named_payments_alone_are_looked_at():
    assert "2 decisions were made again: 2 the same" in run(name(0), name(5), name(0))[1]


@pytest.mark.parametrize("arguments", [["nobody"], ["a\x00"], ["x", "--since", "2026-01-01"]])
def test_what_cannot_be_meant_ends_with_2(arguments):
    assert run(*arguments)[0] == 2


def test_it_can_be_stopped_and_says_where_to_go_on(monkeypatch):
    monkeypatch.setattr(reproduce, "CHUNK", 2)
    again, turns = reproduce.reproduce, []

    def stop_at_the_third(decisions):
        turns.append(decisions)
        if len(turns) == 3:
            raise KeyboardInterrupt
        return again(decisions)

    monkeypatch.setattr(reproduce, "reproduce", stop_at_the_third)
    code, told = run("--until", later())
    monkeypatch.setattr(reproduce, "reproduce", again)

    since = told.partition("--since ")[2]
    assert code == 130
    assert since == turns[1][-1].decided_at.isoformat()
    assert "4 decisions were made again" in run("--since", since, "--until", later())[1]


def test_nothing_to_look_at_is_in_order():
    assert run("--since", later()) == (0, "0 decisions were made again: 0 the same, 0 different.\n")
