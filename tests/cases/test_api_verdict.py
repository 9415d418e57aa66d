"""The verdict by REST: said, refused, taken back, approved by a second person."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connections
from django.utils.timezone import now

from cases.models import ApprovalLimit, Case, Verdict, VerdictEffect
from cases.services import claims, verdict_effects
from scoring.models import Label
from tests.cases.case_calls import at, calls_for
from tests.cases.reviewing import decided_case
from tests.factories import HOUR, make_case, make_decision, make_user
from tests.scoring.api_calls import fields_named, problem_of


@pytest.fixture
def program(alice):
    return calls_for(alice)


@pytest.fixture
def pair(db):
    """A case of two payments, `t-0` and `t-1`; its card has `t-near`, and another card `t-far`."""
    moment = now() - HOUR
    pair = [make_decision(card_id="k", transaction_id=f"t-{n}", device_id="d-k", occurred_at=moment) for n in range(2)]
    make_decision(card_id="k", transaction_id="t-near", outcome="approve", occurred_at=moment, device_id="d-near")
    make_decision(card_id="far", transaction_id="t-far", occurred_at=moment)
    return make_case(decisions=pair)


def say(caller, case, verdict="fraud", **more):
    return caller.post(at(case, "verdict/"), {"verdict": verdict, **more})


def labels():
    return dict(Label.objects.values_list("decision__transaction_id", "label"))


def settle():
    (said,) = Verdict.objects.filter(state="waiting")
    verdict_effects.settle(said.id, now=said.effects_at)


# --- said ----------------------------------------------------------------------------------------------------------


def test_a_verdict_decides_the_case_as_one_of_the_console(program, alice, pair):
    response = say(
        program, pair, typology="stolen_card", note="a thief", overrides={"t-1": "legitimate"}, include_recent=True,
        block_days=7, seen_alerts=2,
    )  # fmt: skip

    said = response.json()
    assert response.status_code == 201
    assert (said["verdict"], said["typology"], said["note"], said["state"]) == (
        "fraud", "stolen_card", "a thief", "waiting",
    )  # fmt: skip
    assert said["labels"] == {"t-0": "fraud", "t-1": "legitimate", "t-near": "fraud"}
    case = Case.objects.get()
    assert (case.status, case.verdict, case.decided_by) == ("decided", "fraud", alice)
    assert set(pair.events.values_list("kind", flat=True)) == {"opened", "verdict", "note"}
    settle()
    assert labels() == said["labels"]
    assert VerdictEffect.objects.get(kind="block_card").days == 7


def test_a_claim_ends_with_the_verdict(program, pair):
    program.post(at(pair, "claim/"), {})

    say(program, pair)

    assert pair.handlings.get().ending == "verdict"
    assert Case.objects.get().claimed_by is None


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"overrides": {"t-0": "none"}}, {"t-1": "fraud"}), ({"include_recent": True, "recent": []}, None),
        ({"include_recent": True, "recent": ["t-near"]}, {"t-0": "fraud", "t-1": "fraud", "t-near": "fraud"}),
        ({"verdict": "inconclusive"}, {}), ({"verdict": "legitimate"}, {"t-0": "legitimate", "t-1": "legitimate"}),
        ({"block_days": None}, None),
    ],
)  # fmt: skip
def test_which_payments_get_which_label(program, pair, more, found):
    assert say(program, pair, **more).status_code == 201
    settle()

    assert labels() == ({"t-0": "fraud", "t-1": "fraud"} if found is None else found)


def test_a_legitimate_verdict_says_why_we_were_wrong_and_lets_the_device_through(program, pair):
    said = say(program, pair, "legitimate", why_wrong="travel", allow_device="d-k").json()

    assert said["why_wrong"] == "travel"
    assert [(effect["kind"], effect["entity"]) for effect in said["effects"] if effect["entity"]] == [("allow", "d-k")]


# --- refused -------------------------------------------------------------------------------------------------------


WRONG = [
    ({}, "verdict"), ({"verdict": "perhaps"}, "verdict"), ({"verdict": None}, "verdict"),
    ({"verdict": ["fraud"]}, "verdict"), ({"verdict": {}}, "verdict"),
    ({"verdict": "fraud", "typologie": "other"}, "typologie"),
    ({"verdict": "fraud", "typology": "theft"}, "typology"),
    ({"verdict": "legitimate", "typology": "stolen_card"}, "typology"),
    ({"verdict": "legitimate", "block_days": 7}, "block_days"),
    ({"verdict": "fraud", "block_days": 2}, "block_days"), ({"verdict": "fraud", "block_days": -1}, "block_days"),
    ({"verdict": "fraud", "block_days": 10**30}, "block_days"),
    ({"verdict": "fraud", "why_wrong": "travel"}, "why_wrong"),
    ({"verdict": "fraud", "allow_device": "d-k"}, "allow_device"),
    ({"verdict": "legitimate", "allow_device": "d-near"}, "allow_device"),
    ({"verdict": "legitimate", "allow_device": "\x00"}, "allow_device"),
    ({"verdict": "fraud", "note": "x" * 2001}, "note"), ({"verdict": "fraud", "note": "\x00"}, "note"),
    ({"verdict": "fraud", "overrides": {"t-0": "maybe"}}, "overrides.t-0"),
    ({"verdict": "fraud", "overrides": {"t-0": ""}}, "overrides.t-0"),
    ({"verdict": "fraud", "overrides": {"t-far": "fraud"}}, "overrides.t-far"),
    ({"verdict": "fraud", "overrides": {"t-near": "fraud"}}, "overrides.t-near"),
    ({"verdict": "fraud", "overrides": {"\x00": "fraud"}}, "overrides.\x00"),
    ({"verdict": "fraud", "overrides": {"\ud800": "fraud"}}, "overrides.\ud800"),
    ({"verdict": "fraud", "overrides": ["t-0"]}, "overrides"),
    ({"verdict": "fraud", "recent": ["t-near"]}, "recent"),
    ({"verdict": "fraud", "include_recent": True, "recent": ["t-far"]}, "recent"),
    ({"verdict": "fraud", "include_recent": True, "recent": ["t-0"]}, "recent"),
    ({"verdict": "fraud", "include_recent": True, "recent": ["\ud800"]}, "recent.0"),
    ({"verdict": "fraud", "include_recent": True, "recent": ["x"] * 101}, "recent"),
    ({"verdict": "fraud", "include_recent": "perhaps"}, "include_recent"),
    ({"verdict": "fraud", "seen_alerts": 0}, "seen_alerts"),
    ({"verdict": "fraud", "seen_alerts": 10**30}, "seen_alerts"),
    ({"verdict": "fraud", "seen_alerts": 1.5}, "seen_alerts"),
]  # fmt: skip


def test_a_verdict_that_is_none_is_refused_with_its_field(program, pair):
    found = [fields_named(program.post(at(pair, "verdict/"), body)) for body, _ in WRONG]

    assert found == [{field} for _, field in WRONG]
    assert Case.objects.get().status == "open"
    assert not Verdict.objects.exists()


def test_a_case_that_grew_is_not_decided_as_it_was_seen(program, pair):
    problem = problem_of(say(program, pair, seen_alerts=1), 409)

    assert (problem["refusal"], problem["alert_count"]) == ("grown", 2)
    assert Case.objects.get().status == "open"


def test_a_case_somebody_else_works_on_is_theirs_to_decide(program, pair):
    claims.claim(case=pair, analyst=make_user(username="nina"), now=now())

    problem = problem_of(say(program, pair), 409)

    assert (problem["refusal"], problem["claimed_by"]) == ("claimed", "nina")
    assert not Verdict.objects.exists()


def test_a_verdict_said_twice_stands_once(program, pair):
    say(program, pair)

    problem = problem_of(say(program, pair, "legitimate"), 409)

    assert (problem["refusal"], problem["status_of_case"]) == ("not_open", "decided")
    assert Verdict.objects.get().verdict == "fraud"


@pytest.mark.django_db(transaction=True)
def test_of_programs_that_decide_at_once_one_does():
    case = make_case()
    programs = [calls_for(make_user(username=f"u{number}")) for number in range(4)]

    def decide(program):
        try:
            return say(program, case).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(decide, programs))

    assert statuses == [201, 409, 409, 409]
    assert Verdict.objects.count() == 1


def test_who_may_not_block_is_told_so_and_nothing_is_decided(program, alice, pair):
    alice.groups.get().permissions.remove(*alice.groups.get().permissions.filter(codename="block_by_verdict"))

    problem = problem_of(say(program, pair, block_days=7), 403)

    assert "block_days" in problem["detail"]
    assert not Verdict.objects.exists()
    assert say(program, pair).status_code == 201


# --- undo, reopen --------------------------------------------------------------------------------------------------


def test_a_verdict_is_taken_back_before_it_takes_effect(program, pair):
    say(program, pair, block_days=7)

    answer = program.post(at(pair, "undo/"), {}).json()

    assert (answer["status"], answer["verdict"], answer["claim"]["username"]) == ("open", "", "alice")
    assert Verdict.objects.get().state == "undone"
    assert not Label.objects.exists()


def test_a_verdict_in_effect_is_not_taken_back(program, pair):
    say(program, pair)
    settle()

    assert problem_of(program.post(at(pair, "undo/"), {}), 409)["refusal"] == "too_late"
    assert Case.objects.get().status == "decided"


def test_the_verdict_of_another_is_not_taken_back(program, bob, pair):
    say(program, pair)

    problem_of(calls_for(bob).post(at(pair, "undo/"), {}), 403)

    assert Verdict.objects.get().state == "waiting"


def test_an_open_case_has_no_verdict_to_take_back(program, pair):
    assert problem_of(program.post(at(pair, "undo/"), {}), 409)["refusal"] == "too_late"


def test_a_decided_case_is_opened_again_with_a_reason(program, alice):
    case = decided_case(alice)

    answer = program.post(at(case, "reopen/"), {"reason": "the bank called"}).json()

    assert (answer["status"], answer["claim"]["username"]) == ("open", "alice")
    assert case.events.get(kind="reopened").text == "the bank called"


def test_what_is_not_decided_is_not_opened_again(program, pair):
    assert problem_of(program.post(at(pair, "reopen/"), {"reason": "x"}), 409)["refusal"] == "not_decided"
    say(program, pair)
    assert problem_of(program.post(at(pair, "reopen/"), {"reason": "x"}), 409)["refusal"] == "not_decided"
    settle()
    assert fields_named(program.post(at(pair, "reopen/"), {})) == {"reason"}


def test_with_a_newer_case_of_the_card_the_work_goes_on_there(program, alice):
    case = decided_case(alice, decisions=[make_decision(card_id="k")])
    make_case(decisions=[make_decision(card_id="k")])

    assert problem_of(program.post(at(case, "reopen/"), {"reason": "x"}), 409)["refusal"] == "has_open_case"


# --- four eyes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(program, pair):
    """A verdict of alice that waits for a second person."""
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    return say(program, pair).json()


def test_a_verdict_above_the_limit_waits(program, waiting, pair):
    assert (waiting["state"], waiting["needs_approval"], waiting["undo_until"]) == ("approval", True, None)
    assert program.get(at(pair)).json()["status"] == "approval"
    assert problem_of(say(program, pair), 409)["status_of_case"] == "approval"


def test_a_second_person_approves_and_it_takes_effect_at_once(bob, waiting, pair):
    answer = calls_for(bob).post(at(pair, "approve/"), {"verdict_id": waiting["id"]}).json()

    assert (answer["status"], answer["verdict"], answer["decided_by"]["username"]) == ("decided", "fraud", "alice")
    assert labels() == {"t-0": "fraud", "t-1": "fraud"}
    assert Verdict.objects.get().settled_by == bob


def test_nobody_approves_or_refuses_what_they_said_themselves(bob, pair):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    lead = calls_for(bob)
    said = say(lead, pair).json()

    for action, more in (("approve", {}), ("refuse", {"reason": "x"})):
        problem_of(lead.post(at(pair, f"{action}/"), {"verdict_id": said["id"], **more}), 403)

    assert Verdict.objects.get().state == "approval"


def test_a_refused_verdict_opens_the_case_for_who_said_it(bob, waiting, pair):
    body = {"verdict_id": waiting["id"], "reason": "ask the bank first", "hands_back": True}

    answer = calls_for(bob).post(at(pair, "refuse/"), body).json()

    assert (answer["status"], answer["claim"]["username"]) == ("open", "alice")
    assert Verdict.objects.get().refusal == "ask the bank first"


def test_another_verdict_than_the_one_that_was_read_is_not_approved(program, bob, waiting, pair):
    program.post(at(pair, "undo/"), {})
    say(program, pair, note="said anew")

    problem = problem_of(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": waiting["id"]}), 409)

    assert problem["refusal"] == "nothing_waits"
    assert Case.objects.get().status == "approval"


def test_a_verdict_the_case_does_not_have_is_not_there(bob, waiting, pair):
    problem_of(calls_for(bob).post(at(make_case(), "approve/"), {"verdict_id": waiting["id"]}), 404)
    problem_of(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": 2**63 - 1}), 404)
    assert fields_named(calls_for(bob).post(at(pair, "approve/"), {"verdict_id": 2**63})) == {"verdict_id"}


def test_a_verdict_takes_as_many_queries_for_twice_the_payments(
    program, pair, django_assert_num_queries, django_assert_max_num_queries
):
    more = [make_decision(card_id="many", transaction_id=f"m-{number}", occurred_at=now()) for number in range(6)]
    body = {"include_recent": True, "block_days": settings.VERDICT_BLOCK_DAYS}
    with django_assert_max_num_queries(40) as few:
        assert say(program, pair, overrides={"t-0": "none"}, **body).status_code == 201

    larger, overrides = make_case(decisions=more), {payment.transaction_id: "none" for payment in more[1:]}

    with django_assert_num_queries(len(few)):
        assert say(program, larger, overrides=overrides, **body).status_code == 201
