"""By REST a case under blind review goes by one clock, and it is the one of today."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from cases.models import Case, Check
from cases.services import checks
from scoring.services.keys import issue_key
from tests.cases.case_calls import CASES, at
from tests.cases.reviewing import THEN, decided_case, review_everything
from tests.factories import HOUR, MINUTE, make_case, make_decision
from tests.scoring.api_calls import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(alice, bob) -> Case:
    """A case of yesterday that bob's program gets as its next."""
    review_everything()
    make_case(card_id="waits", opened_at=now() - HOUR, due_at=now() + HOUR)
    payment = make_decision(card_id="card-blind", occurred_at=THEN - HOUR)
    return decided_case(alice, decided_at=THEN, decisions=[payment])


@pytest.fixture
def program(bob) -> Caller:
    return Caller(Client(), issue_key(name="desk-bot", scopes=["cases"], user=bob))


@pytest.fixture
def found(program, reviewed, monkeypatch) -> dict:
    """The case as the program was handed it."""
    monkeypatch.setattr("cases.api.views.SystemRandom.random", lambda self: 0.2)
    answer = program.post(f"{CASES}next/", {}).json()
    assert answer["id"] == str(reviewed.id)
    return answer


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_of_now(text: str) -> bool:
    return now() - MINUTE < moment(text) <= now()


def test_it_was_opened_as_long_before_it_is_due_as_it_was(found, reviewed):
    assert moment(found["due_at"]) - moment(found["opened_at"]) == reviewed.due_at - reviewed.opened_at
    assert moment(found["opened_at"]) == reviewed.opened_at + (Check.objects.get().taken_at - THEN)


def test_its_history_ends_with_the_claim_of_this_moment_by_this_key(found):
    claimed, opened = found["history"]["entries"]

    assert (claimed["title"], claimed["by"]["username"], claimed["by_key"]) == ("Claimed", "bob", "desk-bot")
    assert is_of_now(claimed["at"])
    assert (opened["title"], opened["at"]) == ("Opened", found["opened_at"])


def test_its_payments_were_flagged_when_it_opened_and_keep_their_own_dates(found, reviewed):
    (payment,) = found["payments"]
    stored = reviewed.alerts.get().decision

    assert moment(payment["decided_at"]) - moment(found["opened_at"]) == stored.decided_at - reviewed.opened_at
    assert moment(payment["occurred_at"]) == stored.occurred_at


def test_the_history_of_its_own_call_says_the_same(found, program, reviewed):
    assert program.get(at(reviewed, "history/")).json()["entries"] == found["history"]["entries"]


def test_an_ordinary_case_and_one_under_review_show_the_same_looks(found, program, reviewed, bob):
    ordinary = Case.objects.get(card_id="waits")
    program.get(at(ordinary))

    looks = [program.get(at(case, "history/")).json()["looks"] for case in (ordinary, reviewed)]

    assert [[(one["name"], one["times"]) for one in each] for each in looks] == [[("Bob", 1)], [("Bob", 1)]]
    assert is_of_now(looks[1][0]["last"])


def test_looks_of_others_and_of_before_are_not_told(found, program, reviewed, alice):
    reviewed.events.create(kind="viewed", actor=alice, happened_at=now())
    reviewed.events.create(kind="viewed", actor=Check.objects.get().analyst, happened_at=THEN)

    (look,) = program.get(at(reviewed, "history/")).json()["looks"]

    assert (look["name"], look["times"]) == ("Bob", 1)


def test_notes_have_the_time_they_were_written_at_and_keep_it(found, program, reviewed):
    first, second = (
        program.post(at(reviewed, "notes/"), {"note": text}).json() for text in ("called the shop", "and the bank")
    )
    shown = program.get(at(reviewed)).json()["notes"]

    assert shown == [second, first]
    assert is_of_now(first["at"])
    assert first["by_key"] == "desk-bot"
    assert Check.objects.get().note == "called the shop\nand the bank\n"


def test_what_an_action_answers_goes_by_the_same_clock(found, program, reviewed):
    for action, body in (("claim/", {"renew": True}), ("skip/", {"reason": "x"})):
        answer = program.post(at(reviewed, action), body).json()

        assert (answer["opened_at"], answer["due_at"]) == (found["opened_at"], found["due_at"])


def test_the_console_shows_notes_and_looks_by_the_case_s_own_clock(found, program, reviewed, bob, client):
    program.post(at(reviewed, "notes/"), {"note": "called the shop"})
    Check.objects.update(taken_at=now() - MINUTE)
    client.force_login(bob)

    page = client.get(f"/cases/{reviewed.id}/").content.decode()

    written = THEN + timedelta(minutes=1)
    assert "Bob, by key desk-bot, " in page
    assert f'datetime="{written:%Y-%m-%dT%H:%M}' in page or f'datetime="{written + MINUTE:%Y-%m-%dT%H:%M}' in page


def test_notes_of_who_had_the_review_before_are_gone(found, program, reviewed, bob):
    program.post(at(reviewed, "notes/"), {"note": "called the shop"})
    checks.give_back(Check.objects.select_related("analyst").get())
    reviewed.events.filter(actor=bob).delete()

    retaken = checks.take_next(analyst=bob, now=now(), draw=0.2)

    assert (retaken.notes, retaken.note) == ([], "")
