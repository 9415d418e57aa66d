"""What a program may not reach through a case of its user: payments and cases of queues the user does not see."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from cases.models import Verdict
from scoring.models import Label
from tests.cases.verdict_calls import labels, say, settle
from tests.factories import make_case, make_decision, make_queue
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
