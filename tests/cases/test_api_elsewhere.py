"""What a program may not reach through a case of its user: payments and cases of queues the user does not see."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import ApprovalLimit, Case, Verdict
from cases.services import verdicts
from scoring.models import Label
from tests.cases.case_calls import at, calls_for
from tests.cases.verdict_calls import labels, say, settle
from tests.factories import HOUR, NOON, make_case, make_decision, make_queue, make_user
from tests.scoring.api_calls import problem_of


@pytest.fixture
def elsewhere(alice, bob):
    """Queues: one is alice's, the other bob's."""
    return make_queue("here", members=[alice]), make_queue("elsewhere", members=[bob])


@pytest.fixture
def here(elsewhere):
    return make_case(decisions=[make_decision(card_id="k", transaction_id="t-here")], queue=elsewhere[0])


@pytest.mark.parametrize("days", [1, 200])
def test_a_verdict_is_not_on_payments_another_case_is_about(program, elsewhere, here, days):
    moment = now() - timedelta(days=days)
    hidden = make_decision(card_id="k", transaction_id="t-hidden", outcome="review", occurred_at=moment)
    make_case(decisions=[hidden], queue=elsewhere[1], status="approval")

    refused = say(program, here, "legitimate", include_recent=True, recent=["t-hidden"])

    assert [error["field"] for error in problem_of(refused, 422)["errors"]] == ["recent"]
    assert not Verdict.objects.exists()
    assert say(program, here, "legitimate", include_recent=True).json()["labels"] == {"t-here": "legitimate"}
    settle()
    assert labels() == {"t-here": "legitimate"}


def test_a_payment_of_long_ago_is_not_named(program, here):
    make_decision(card_id="k", transaction_id="t-old", outcome="review", occurred_at=now() - timedelta(days=8))

    refused = say(program, here, "legitimate", include_recent=True, recent=["t-old"])

    assert [error["field"] for error in problem_of(refused, 422)["errors"]] == ["recent"]
    assert not Label.objects.exists()


@pytest.fixture
def opened_there(elsewhere, here):
    """Open again the card's older case, which is in the other queue, when this one is decided."""

    def open_it():
        there = make_case(card_id="k", queue=elsewhere[1], opened_at=NOON - 48 * HOUR)
        return Case.objects.get(id=there.id)

    return open_it


def test_what_is_taken_back_into_a_case_of_another_queue_is_answered_by_ones_own(program, here, opened_there):
    say(program, here)
    there = opened_there()

    answer = program.post(at(here, "undo/"), {}).json()

    assert (answer["id"], answer["status"], answer["claim"]) == (str(here.id), "merged", None)
    there.refresh_from_db()
    assert (there.status, there.alert_count, there.claimed_by) == ("open", 2, None)
    assert not there.handlings.exists()


@pytest.mark.parametrize("hands_back", [True, False])
def test_what_is_refused_into_a_case_of_another_queue_is_claimed_for_nobody(
    program, elsewhere, here, opened_there, hands_back
):
    ApprovalLimit.objects.create(verdict="fraud", amount=100)
    lead = make_user("lead", username="lena")
    lead.groups.get().permissions.remove(*lead.groups.get().permissions.filter(codename="view_all_queues"))
    elsewhere[0].members.add(lead)
    said = say(program, here).json()
    there = opened_there()
    body = {"verdict_id": said["id"], "reason": "x", "hands_back": hands_back}

    answer = calls_for(lead).post(at(here, "refuse/"), body).json()

    assert (answer["id"], answer["status"], answer["claim"]) == (str(here.id), "merged", None)
    there.refresh_from_db()
    assert (there.alert_count, there.claimed_by) == (2, None)


def test_the_console_leads_to_no_case_of_another_queue(as_alice, alice, here, opened_there):
    said = verdicts.record(case=here, analyst=alice, verdict="fraud", decided_at=now())
    there = opened_there()

    response = as_alice.post("/undo/", {"verdict": said.id}, follow=True)

    assert response.status_code == 200
    assert response.redirect_chain == [("/queue/", 302)]
    assert "The card&#x27;s older case has it, in another queue." in response.content.decode()
    assert str(there.id) not in response.content.decode()
    there.refresh_from_db()
    assert there.claimed_by is None
