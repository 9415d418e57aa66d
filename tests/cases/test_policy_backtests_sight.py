"""A backtest names payments, and keeps from each person what they are not to see yet."""

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now

from cases.models import Check
from cases.services.review_settings import change_settings
from scoring.models import Backtest
from scoring.services.backtests import claim_backtest, run_backtest
from tests.factories import DAY, HOUR, make_case, make_label, make_queue
from tests.scoring.backtest_world import LOW, ask, decide, make_draft
from tests.scoring.payments import HUGE, publish

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(db):
    """A fraud that the draft of `backtest` would stop."""
    publish(HUGE)
    (row,) = decide(["700"], occurred_at=now() - HOUR)
    make_label(row, "fraud", known_at=now())
    return row


@pytest.fixture
def backtest(payment) -> Backtest:
    asked = ask(make_draft(LOW), at=now(), since=now() - DAY, until=now())
    claimed = claim_backtest(at=now())
    run_backtest(claimed.id, claimed.attempts, clock=now)
    return asked


def page_for(client, person, backtest) -> str:
    client.force_login(person)
    return client.get(f"/policy/backtests/{backtest.id}/").content.decode()


def test_a_payment_that_somebody_reviews_blind_is_left_out_for_them_alone(client, bob, mia, payment, backtest):
    change_settings(values={"second_share": 0.2}, displays={})
    case = make_case(decisions=[payment])
    Check.objects.create(
        case=case, kind="known", expected="fraud", as_of=now(), made_at=now(),
        analyst=bob, taken_at=now(), taken_until=now() + HOUR,
    )  # fmt: skip

    assert payment.transaction_id not in page_for(client, bob, backtest)
    assert payment.transaction_id in page_for(client, mia, backtest)


def test_what_flags_a_payment_waits_for_the_verdict_where_scores_do(client, bob, mia, payment, backtest):
    make_case(decisions=[payment])
    change_settings(values={"display": "always"}, displays={})

    hidden, shown = (page_for(client, person, backtest) for person in (bob, mia))

    assert "The amount is 700.00 EUR" in shown
    assert "The amount is 700.00 EUR" not in hidden
    assert "shown after the verdict" in hidden


def test_a_case_of_a_queue_that_somebody_does_not_see_is_not_linked(client, bob, alice, mia, payment, backtest):
    case = make_case(decisions=[payment], queue=make_queue(members=[alice]))
    bob.groups.clear()
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_case", "view_backtest"]))

    assert f"/cases/{case.id}/" not in page_for(client, bob, backtest)
    assert f"/cases/{case.id}/" in page_for(client, mia, backtest)


def test_the_admin_has_the_figures_and_no_payments(client, mia, payment, backtest):
    client.force_login(mia)

    page = client.get(f"/admin/scoring/backtest/{backtest.id}/change/").content.decode()

    assert "recorded_differs" in page
    assert payment.transaction_id not in page
