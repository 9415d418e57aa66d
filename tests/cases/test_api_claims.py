"""Claims and handing on by REST."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import Case, CaseEvent, Handling
from cases.services import claims
from tests.cases.case_calls import CASES, at, calls_for, listed
from tests.cases.reviewing import decided_case
from tests.factories import DAY, HOUR, MINUTE, make_case, make_queue, make_user
from tests.scoring.api_calls import fields_named, problem_of

NEXT = f"{CASES}next/"


@pytest.fixture
def nina(db):
    return make_user(username="nina")


@pytest.fixture
def theirs(case, nina):
    claims.claim(case=case, analyst=nina, now=now())
    return case


def kinds(case):
    return list(case.events.order_by("id").values_list("kind", flat=True))


# --- claim, release ------------------------------------------------------------------------------------------------


def test_a_claim_says_until_when_it_holds_and_is_renewed_by_another(program, alice, case):
    first = program.post(at(case, "claim/"), {})
    again = program.post(at(case, "claim/"), "")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["claim"]["username"] == "alice"
    assert again.json()["claim"]["until"] > first.json()["claim"]["until"]
    assert kinds(case) == ["opened", "claimed"]
    assert Handling.objects.get().analyst == alice


def test_who_holds_a_case_is_named_with_the_end_of_their_claim(program, theirs):
    problem = problem_of(program.post(at(theirs, "claim/"), {}), 409)

    until = Case.objects.get().claimed_until
    assert (problem["refusal"], problem["claimed_by"]) == ("claimed", "nina")
    assert problem["claimed_until"] == until.isoformat()
    assert "Nina works on this case" in problem["detail"]


def test_a_claim_that_was_released_is_not_renewed(program, bob, case):
    program.post(at(case, "claim/"), {})
    calls_for(bob).post(at(case, "release/"), {})

    problem = problem_of(program.post(at(case, "claim/"), {"renew": True}), 409)

    assert problem["refusal"] == "released"
    assert Case.objects.get().claimed_by is None


def test_a_released_case_is_free_and_stays_so(program, case):
    program.post(at(case, "claim/"), {})

    answers = [program.post(at(case, "release/"), {}) for _ in range(2)]

    assert [(answer.status_code, answer.json()["claim"]) for answer in answers] == [(200, None)] * 2
    assert kinds(case) == ["opened", "claimed", "released"]


@pytest.mark.parametrize("action", ["claim", "skip", "escalate", "snooze", "verdict"])
def test_a_decided_case_is_not_to_be_worked_on(program, alice, action):
    case = decided_case(alice, queue=make_queue("a", escalates_to=make_queue("b")))
    events = kinds(case)
    bodies = {"escalate": {"reason": "x"}, "verdict": {"verdict": "fraud"}}
    bodies["snooze"] = {"reason": "x", "until": (now() + HOUR).isoformat()}

    problem = problem_of(program.post(at(case, f"{action}/"), bodies.get(action, {})), 409)

    assert (problem["refusal"], problem["status_of_case"]) == ("not_open", "decided")
    assert kinds(case) == events


@pytest.mark.parametrize(("body", "field"), [({"renw": True}, "renw"), ({"renew": "perhaps"}, "renew"), ([], "")])
def test_a_wrong_body_of_a_claim_is_named(program, case, body, field):
    assert fields_named(program.post(at(case, "claim/"), body)) == {field}
    assert Case.objects.get().claimed_by is None


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("[" * 5000, 400), ("null", 422), ('{"renew": NaN}', 400)])
def test_what_is_no_json_is_refused(program, case, body, status):
    problem_of(program.post(at(case, "claim/"), body), status)


def test_another_kind_of_body_is_refused(program, case):
    problem_of(program.post(at(case, "claim/"), "renew=1", content_type="application/x-www-form-urlencoded"), 415)


def test_another_method_is_refused(program, case):
    problem_of(program.get(at(case, "claim/")), 405)
    problem_of(program.post(at(case), {}), 405)


# --- next ----------------------------------------------------------------------------------------------------------


def test_the_next_case_is_the_heaviest_and_comes_claimed_and_seen(program, alice):
    make_case(card_id="small", stake=1)
    large = make_case(card_id="large", stake=1000)

    answer = program.post(NEXT, {})

    assert (answer.status_code, answer.json()["id"]) == (200, str(large.id))
    assert answer.json()["claim"]["username"] == "alice"
    assert len(answer.json()["payments"]) == 1
    assert kinds(large) == ["opened", "claimed", "viewed"]


def test_two_who_ask_get_two_cases(program, nina):
    make_case()
    make_case()

    assert program.post(NEXT, {}).json()["id"] != calls_for(nina).post(NEXT, {}).json()["id"]


def test_when_nothing_waits_there_is_nothing_to_read(program, theirs):
    answer = program.post(NEXT, {})

    assert (answer.status_code, answer.content) == (204, b"")


def test_the_next_of_one_queue(program):
    make_case(stake=1000)
    slow = make_case(queue=make_queue("slow"))

    assert program.post(NEXT, {"queue": "slow"}).json()["id"] == str(slow.id)
    assert program.post(NEXT, {"queue": "slow"}).status_code == 204
    assert fields_named(program.post(NEXT, {"queue": "nowhere"})) == {"queue"}


# --- skip, escalate, move ------------------------------------------------------------------------------------------


def test_a_skipped_case_comes_last(program, alice):
    heavy, light = make_case(stake=1000), make_case(stake=1)
    program.post(NEXT, {})

    assert program.post(at(heavy, "skip/"), {"reason": "not my language"}).json()["claim"] is None

    assert program.post(NEXT, {}).json()["id"] == str(light.id)
    assert CaseEvent.objects.get(kind="skipped").text == "not my language"


def test_an_escalated_case_is_in_the_other_queue_with_its_time(program, case):
    queue = make_queue("first", escalates_to=make_queue("fraud-team", sla_minutes=120))
    Case.objects.update(queue=queue)

    answer = program.post(at(case, "escalate/"), {"reason": "a ring"}).json()

    assert answer["queue"]["slug"] == "fraud-team"
    assert 7190 < answer["seconds_left"] <= 7200
    assert CaseEvent.objects.get(kind="escalated").text == "To Fraud-team: a ring"


def test_without_a_queue_to_escalate_to_it_says_so(program):
    case = make_case(queue=make_queue("last"))

    problem = problem_of(program.post(at(case, "escalate/"), {"reason": "x"}), 409)

    assert problem["refusal"] == "nobody"
    assert kinds(case) == ["opened"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "a\x00"}, {"reason": None}])
def test_who_escalates_says_why(program, case, body):
    assert fields_named(program.post(at(case, "escalate/"), body)) == {"reason"}


def test_a_lead_moves_a_case(bob, case):
    make_queue("large")

    assert calls_for(bob).post(at(case, "move/"), {"queue": "large"}).json()["queue"]["slug"] == "large"
    assert kinds(case) == ["opened", "moved"]


@pytest.mark.parametrize("queue", ["nowhere", "closed"])
def test_a_case_is_moved_to_an_open_queue_only(bob, case, queue):
    make_queue("closed", is_enabled=False)

    assert fields_named(calls_for(bob).post(at(case, "move/"), {"queue": queue})) == {"queue"}
    assert kinds(case) == ["opened"]


# --- snooze, wake --------------------------------------------------------------------------------------------------


def test_a_snoozed_case_sleeps_until_it_is_woken(program):
    case = make_case(due_at=now() + DAY)
    until = now() + HOUR

    answer = program.post(at(case, "snooze/"), {"until": until.isoformat(), "reason": "asked the bank"})

    assert answer.json()["snoozed_until"] == until.isoformat().replace("+00:00", "Z")
    assert listed(program) == []
    assert problem_of(program.post(at(case, "claim/"), {}), 409)["refusal"] == "snoozed"
    assert [program.post(at(case, "wake/"), {}).json()["snoozed_until"] for _ in range(2)] == [None, None]
    assert kinds(case) == ["opened", "claimed", "snoozed", "woken"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x"}, "until"), ({"until": "tomorrow", "reason": "x"}, "until"),
        ({"until": "2026-01-01T00:00:00Z", "reason": "x"}, "until"),
        ({"until": "2999-01-01T00:00:00Z", "reason": "x"}, "until"),
        ({"until": "2999-01-01T00:00:00", "reason": "x"}, "until"), ({"until": "2999-01-01T00:00:00Z"}, "reason"),
        ({"until": "2999-01-01T00:00:00Z", "reason": "x", "seen_alerts": 0}, "seen_alerts"),
    ],
)  # fmt: skip
def test_a_time_no_case_sleeps_until_is_refused(program, body, field):
    case = make_case(due_at=now() + DAY)

    assert fields_named(program.post(at(case, "snooze/"), body)) == {field}
    assert kinds(case) == ["opened"]


def test_only_who_may_snoozes_past_the_time_a_case_is_due(program, bob):
    case = make_case(due_at=now() + MINUTE)
    body = {"until": (now() + HOUR).isoformat(), "reason": "x"}

    assert fields_named(program.post(at(case, "snooze/"), body)) == {"until"}
    assert calls_for(bob).post(at(case, "snooze/"), body).status_code == 200


def test_a_case_that_grew_is_not_put_to_sleep(program):
    case = make_case(due_at=now() + DAY)
    body = {"until": (now() + timedelta(hours=1)).isoformat(), "reason": "x", "seen_alerts": 2}

    problem = problem_of(program.post(at(case, "snooze/"), body), 409)

    assert (problem["refusal"], problem["alert_count"]) == ("grown", 1)
    assert Case.objects.get().snoozed_until is None


@pytest.mark.parametrize("action", ["claim", "release", "skip", "wake", "notes", "tags"])
def test_an_action_takes_a_fixed_number_of_queries(
    program, alice, case, action, django_assert_max_num_queries, keys_in_memory
):
    body = {"notes": {"note": "x"}, "tags": {"add": ["mule"]}}.get(action, {})
    program.post(at(case, "claim/"), {})

    with django_assert_max_num_queries(34):
        assert program.post(at(case, f"{action}/"), body).status_code in (200, 201)
