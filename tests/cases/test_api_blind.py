"""A case under blind review by REST: as open as it was, and nothing of what was said."""

import json
import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import Case, CaseEvent, Check
from cases.services import checks
from cases.services.review_settings import change_settings
from scoring.models import Label
from tests.cases.case_calls import CASES, at, calls_for, listed
from tests.cases.reviewing import THEN, decided_case, in_review, review_everything, take
from tests.factories import HOUR, make_case, make_decision, make_label, make_queue
from tests.scoring.api_calls import fields_named, problem_of

# What says that somebody has decided the case: the words of the verdict, its time, the first analyst.
SAID = re.compile(r'"fraud"|chargeback|"decided"|[Aa]lice|thief|stolen_card|known case|"done"')


@pytest.fixture
def reviewed(alice, bob):
    return in_review(alice, bob)


@pytest.fixture
def program(bob, reviewed):
    return calls_for(bob)


@pytest.fixture
def ordinary(reviewed):
    return Case.objects.get(card_id="card-of-the-queue")


def shape(answer):
    """The answer without what any two cases differ in: texts, numbers and how many there are."""
    if isinstance(answer, dict):
        return {name: shape(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [shape(value) for value in answer[:1]]
    return type(answer).__name__


def test_nothing_of_what_was_said_is_in_the_detail(program, reviewed):
    response = program.get(at(reviewed))

    assert response.status_code == 200
    assert SAID.findall(re.sub(r'"needs_approval":\[[^]]*\]', "", response.content.decode())) == []
    found = response.json()
    assert (found["status"], found["verdict"], found["decided_at"], found["last_verdict"]) == ("open", "", None, None)
    assert found["claim"]["username"] == "bob"
    assert found["notes"] == found["files"] == found["lookers"] == found["tags"] == []


def test_others_are_told(alice, aude, reviewed):
    text = calls_for(aude).get(at(reviewed)).content.decode()

    assert {"chargeback", '"decided"', "alice", "thief", "stolen_card"} <= set(SAID.findall(text))


def test_it_has_the_shape_of_an_ordinary_case(program, bob, reviewed, ordinary):
    program.post(at(ordinary, "claim/"), {})
    blind, plain = (program.get(at(case)).json() for case in (reviewed, ordinary))
    blind["history"], plain["history"] = blind["history"]["entries"], plain["history"]["entries"]

    for differs in ("related", "recent_payments", "payments"):
        blind.pop(differs), plain.pop(differs)
    assert shape(blind) == shape(plain)


def test_as_much_time_is_left_as_at_the_first_verdict(program, reviewed):
    left = (reviewed.due_at - THEN).total_seconds()

    found = program.get(at(reviewed)).json()

    assert left - 30 < found["seconds_left"] <= left
    assert found["due_at"] > now().isoformat()
    assert found["claim"]["until"] > now().isoformat()


def test_it_stands_in_no_list(program, reviewed, ordinary):
    parameters = ["", "status=decided", f"status=any&card={reviewed.card_id}", "claimed=mine", "status=approval"]

    assert [listed(program, each) for each in parameters] == [[ordinary.card_id], [], [], [], []]


def test_the_history_tells_how_the_case_came_to_be_and_no_more(program, reviewed):
    found = program.get(at(reviewed, "history/")).json()

    assert [entry["title"] for entry in found["entries"]] == ["Claimed", "Opened"]
    assert found["entries"][0]["by"]["username"] == "bob"
    assert (found["looks"], found["older"]) == ([], "")


def test_the_history_has_no_page_behind_it(program, reviewed):
    newest = CaseEvent.objects.filter(case=reviewed).latest("id")
    before = f"{now():%Y-%m-%dT%H:%M:%S.%f}Z_e{newest.id}"

    assert program.get(f"{at(reviewed, 'history/')}?before={before}").json()["entries"] == []


def test_the_claim_is_renewed(program, reviewed):
    Check.objects.update(taken_until=now() + timedelta(seconds=1))

    until = program.post(at(reviewed, "claim/"), {"renew": True}).json()["claim"]["until"]

    assert Check.objects.get().taken_until.isoformat() == until.replace("Z", "+00:00")
    assert until > (now() + timedelta(seconds=30)).isoformat()


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("release", {}), ("skip", {"reason": "x"}), ("escalate", {"reason": "x"}), ("move", {"queue": "large"}),
        ("snooze", {"until": "SOON", "reason": "x"}),
    ],
)  # fmt: skip
def test_a_review_that_is_handed_on_goes_back_and_the_answer_is_an_open_case(program, reviewed, action, body):
    queue = make_queue("large")
    Case.objects.filter(id=reviewed.id).update(queue=make_queue("first", escalates_to=queue))
    events = list(reviewed.events.values_list("id"))
    soon = (now() + timedelta(minutes=1)).isoformat()

    response = program.post(at(reviewed, f"{action}/"), json.dumps(body).replace("SOON", soon))

    assert response.status_code == 200
    assert SAID.findall(response.content.decode()) == []
    assert (response.json()["status"], response.json()["claim"]) == ("open", None)
    assert Check.objects.get().analyst is None
    assert list(reviewed.events.values_list("id")) == events


def test_a_note_stays_with_the_review(program, reviewed):
    events = CaseEvent.objects.filter(case=reviewed).count()

    response = program.post(at(reviewed, "notes/"), {"note": "called the shop"})

    assert (response.status_code, response.json()["text"]) == (201, "called the shop")
    assert Check.objects.get().note == "called the shop\n"
    assert CaseEvent.objects.filter(case=reviewed).count() == events
    assert [note["text"] for note in program.get(at(reviewed)).json()["notes"]] == ["called the shop"]


def test_a_verdict_is_kept_apart_and_changes_nothing(program, bob, reviewed):
    labels, events = Label.objects.count(), reviewed.events.count()
    body = {"verdict": "legitimate", "note": "his son", "overrides": {"t-blind": "none"}, "seen_alerts": 1}

    response = program.post(at(reviewed, "verdict/"), body)

    assert response.status_code == 201
    assert (response.json()["verdict"], response.json()["said_by"]["username"]) == ("legitimate", "bob")
    assert '"fraud"' not in response.content.decode()
    check = Check.objects.get()
    assert (check.verdict, check.agrees, check.note) == ("legitimate", False, "his son")
    assert (Label.objects.count(), reviewed.events.count()) == (labels, events)
    assert Case.objects.get(id=reviewed.id).verdict == "fraud"


@pytest.mark.parametrize(
    ("kind", "tells", "known_as"), [("known", True, "fraud"), ("known", False, None), ("second", True, None)]
)
def test_a_known_case_tells_what_it_was_where_the_desk_wants_it(program, reviewed, kind, tells, known_as):
    Check.objects.update(kind=kind)
    change_settings(values={"tells_known": tells}, displays={})

    assert program.post(at(reviewed, "verdict/"), {"verdict": "legitimate"}).json()["known_as"] == known_as


def test_a_wrong_verdict_is_refused_as_on_any_case(program, reviewed):
    wrong = {
        "overrides.t-none": {"verdict": "fraud", "overrides": {"t-none": "fraud"}},
        "allow_device": {"verdict": "legitimate", "allow_device": "none"},
        "verdict": {"verdict": "perhaps"},
    }

    assert [fields_named(program.post(at(reviewed, "verdict/"), body)) for body in wrong.values()] == [
        {field} for field in wrong
    ]
    grown = problem_of(program.post(at(reviewed, "verdict/"), {"verdict": "fraud", "seen_alerts": 7}), 409)
    assert (grown["refusal"], grown["alert_count"]) == ("grown", 1)
    assert Check.objects.get().verdict == ""


@pytest.mark.parametrize("action", ["wake", "tags", "reopen", "undo", "approve", "refuse"])
def test_whatever_else_is_asked_of_the_case_is_refused(program, reviewed, action):
    events = reviewed.events.count()
    body = {"reopen": {"reason": "x"}, "approve": {"verdict_id": 1}, "refuse": {"verdict_id": 1, "reason": "x"}}

    response = program.post(at(reviewed, f"{action}/"), body.get(action, {}))

    problem_of(response, 403)
    assert SAID.findall(response.content.decode()) == []
    assert reviewed.events.count() == events


def test_a_review_that_was_taken_back_is_refused_without_a_word_of_the_verdict(program, reviewed):
    checks.give_back(Check.objects.select_related("case", "analyst").get())

    response = program.post(at(reviewed, "verdict/"), {"verdict": "legitimate"})

    assert problem_of(response, 409)["refusal"] == "released"
    assert re.findall(r"fraud|lice", response.content.decode()) == []


def test_a_review_is_given_back_when_the_queue_is_no_longer_the_reviewers(program, bob, alice, reviewed):
    Case.objects.filter(id=reviewed.id).update(queue=make_queue(members=[alice]))
    bob.groups.get().permissions.remove(*bob.groups.get().permissions.filter(codename="view_all_queues"))

    problem_of(program.get(at(reviewed)), 404)

    assert Check.objects.get().analyst is None


def test_a_review_is_given_back_by_who_may_review_no_more(program, bob, aude, reviewed):
    bob.groups.set(aude.groups.all())

    problem_of(program.get(at(reviewed)), 403)

    assert Check.objects.get().analyst is None


def test_next_hands_out_reviews_between_ordinary_cases(bob, alice, monkeypatch):
    review_everything()
    make_case(card_id="waits")
    case = decided_case(alice, decided_at=THEN)
    monkeypatch.setattr("cases.api.views.SystemRandom.random", lambda self: 0.2)

    response = calls_for(bob).post(f"{CASES}next/", {})

    assert (response.json()["id"], response.json()["status"]) == (str(case.id), "open")
    assert Check.objects.get().analyst == bob


def test_a_reviewer_who_sees_data_first_sees_no_score(alice, bob):
    review_everything()
    change_settings(values={}, displays={bob.id: "always"})
    make_case(card_id="waits")
    payment = make_decision(score=0.87654, card_id="card-blind")
    case = decided_case(alice, decided_at=THEN, decisions=[payment], stake="987.65")
    take(bob, now=now())

    text = calls_for(bob).get(at(case)).content.decode()

    assert '"is_score_hidden":true' in text
    assert re.findall(r"0\.87|987\.|7 payments in the last hour", text) == []


def test_a_label_that_came_before_the_verdict_is_hidden_too(program, reviewed):
    make_label(reviewed.alerts.get().decision, known_at=THEN - HOUR, source="issuer_report")

    (payment,) = program.get(at(reviewed)).json()["payments"]

    assert (payment["label"], payment["label_source"]) == ("", "")
