"""The verdict by REST: said, refused, taken back, approved by a second person."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connections
from django.utils.timezone import now

from cases.models import Case, Verdict, VerdictEffect
from cases.services import claims
from tests.cases.case_calls import at, calls_for
from tests.cases.verdict_calls import labels, say, settle
from tests.factories import make_case, make_decision, make_user
from tests.scoring.api_calls import fields_named, problem_of

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


def test_a_verdict_takes_no_more_queries_for_twice_the_payments(
    program, pair, django_assert_max_num_queries, keys_in_memory
):
    more = [make_decision(card_id="many", transaction_id=f"m-{number}", occurred_at=now()) for number in range(6)]
    body = {"include_recent": True, "block_days": settings.VERDICT_BLOCK_DAYS}
    with django_assert_max_num_queries(40) as few:
        assert say(program, pair, overrides={"t-0": "none"}, **body).status_code == 201

    larger, overrides = make_case(decisions=more), {payment.transaction_id: "none" for payment in more[1:]}

    with django_assert_max_num_queries(len(few)):
        assert say(program, larger, overrides=overrides, **body).status_code == 201
