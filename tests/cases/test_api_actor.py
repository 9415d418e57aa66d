"""Who acts by REST: a key's user, with the rights and the queues they have in the console."""

import pytest

from cases.models import Case, CaseEvent
from cases.services import claims
from scoring.services.keys import issue_key
from tests.cases.case_calls import CASES, at, calls_for
from tests.factories import make_case, make_queue, make_user
from tests.scoring.api_calls import Caller, problem_of

READS = ["", "CASE/", "CASE/history/"]
ACTIONS = [
    "claim", "release", "skip", "escalate", "move", "snooze", "wake", "notes", "tags", "reopen", "verdict", "undo",
    "approve", "refuse",
]  # fmt: skip
WRITES = ["next/", *(f"CASE/{name}/" for name in ACTIONS)]


def ask(caller, address, case):
    url = CASES + address.replace("CASE", str(case.id))
    return caller.get(url) if address in READS else caller.post(url, {})


def refused(caller, case, status, addresses=(*READS, *WRITES)):
    """What each call answers; all refuse, and nothing was done."""
    details = [problem_of(ask(caller, address, case), status)["detail"] for address in addresses]
    assert not CaseEvent.objects.exclude(kind="opened").exists()
    assert not Case.objects.exclude(claimed_by=None).exists()
    return details


def test_without_a_key_nothing_is_answered(client, case):
    refused(Caller(client, ""), case, 401)


def test_a_key_without_the_scope_is_refused(alice, case):
    details = refused(calls_for(alice, "decide", "read", "label"), case, 403)

    assert all("`cases`" in detail for detail in details)


def test_a_key_ends_with_the_account_of_its_user(alice, case):
    caller = calls_for(alice)
    alice.is_active = False
    alice.save()

    assert all("account" in detail for detail in refused(caller, case, 401))


def test_an_account_that_is_closed_this_moment_does_nothing_more(program, alice, case, keys_in_memory):
    alice.is_active = False
    alice.save()

    assert all("no longer active" in detail for detail in refused(program, case, 403))


def test_who_is_in_no_group_sees_and_does_nothing(mallory, case):
    refused(calls_for(mallory), case, 403)


@pytest.mark.parametrize("address", READS)
def test_an_auditor_reads(aude, case, address):
    assert ask(calls_for(aude), address, case).status_code == 200


def test_an_auditor_changes_nothing(aude, case):
    details = refused(calls_for(aude), case, 403, WRITES)

    assert all("analysts and leads" in detail for detail in details)


def test_the_case_of_a_queue_one_is_no_member_of_is_not_there(alice):
    case = make_case(queue=make_queue(members=[make_user(username="nina")]))

    refused(calls_for(alice), case, 404, [address for address in READS + WRITES if "CASE" in address])


def test_an_unknown_case_is_not_there(alice, db):
    refused(calls_for(alice), Case(), 404, [address for address in READS + WRITES if "CASE" in address])


def test_a_right_that_is_taken_away_counts_at_the_next_call(alice, case):
    caller = calls_for(alice)
    assert caller.post(at(case, "claim/"), {}).status_code == 200

    alice.groups.clear()

    problem_of(caller.post(at(case, "notes/"), {"note": "x"}), 403)


def test_a_browser_session_beside_the_key_changes_nothing(client, alice, bob, case):
    client.force_login(bob)

    response = Caller(client, issue_key(name="program", scopes=["cases"], user=alice)).post(at(case, "claim/"), {})

    assert response.json()["claim"]["username"] == "alice"


def test_a_browser_session_alone_opens_nothing(client, alice, case):
    client.force_login(alice)

    problem_of(client.get(at(case)), 401)


def test_what_a_program_does_stands_in_the_history_under_its_users_name(alice, case):
    calls_for(alice).post(at(case, "notes/"), {"note": "asked the bank"})

    event = CaseEvent.objects.get(kind="note")
    assert (event.actor, event.text) == (alice, "asked the bank")


def test_a_lead_releases_the_claim_of_another_and_an_analyst_does_not(alice, bob, case):
    nina = make_user(username="nina")
    claims.claim(case=case, analyst=nina, now=case.opened_at)
    Case.objects.update(claimed_until="2999-01-01T00:00:00Z")

    problem = problem_of(calls_for(alice).post(at(case, "release/"), {}), 409)
    assert (problem["refusal"], problem["claimed_by"]) == ("claimed", "nina")
    assert problem["claimed_until"].startswith("2999-01-01")

    assert calls_for(bob).post(at(case, "release/"), {}).json()["claim"] is None
    assert Case.objects.get().claimed_by is None


@pytest.mark.parametrize(
    ("action", "body"),
    [("move", {"queue": "large"}), ("approve", {"verdict_id": 1}), ("refuse", {"verdict_id": 1, "reason": "x"})],
)
def test_what_is_for_leads_is_refused_to_an_analyst(alice, case, action, body):
    make_queue()

    problem = problem_of(calls_for(alice).post(at(case, f"{action}/"), body), 403)

    assert "lead" in problem["detail"]
    assert not case.events.exclude(kind="opened").exists()
