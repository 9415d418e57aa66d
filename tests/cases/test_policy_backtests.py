"""The pages of backtests: asking, watching, cancelling, and reading what was found."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from scoring.models import Backtest, Decision
from scoring.services.backtests import claim_backtest, run_backtest
from scoring.services.policy import RuleDraft
from tests.factories import DAY, HOUR, make_case, make_label
from tests.scoring.backtest_world import ask, decide, make_draft
from tests.scoring.payments import HUGE, LARGE, publish

pytestmark = pytest.mark.django_db
LOW = RuleDraft("low", "amount > 500", "review", "The amount is {amount}")


def allow(person: User, *codenames: str) -> None:
    person.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


@pytest.fixture
def manager(client, mia):
    allow(mia, "view_backtest", "add_backtest")
    client.force_login(mia)
    return client


@pytest.fixture
def reader(client, bob):
    allow(bob, "view_backtest")
    client.force_login(bob)
    return client


@pytest.fixture
def draft(db):
    publish(LARGE, HUGE)
    return make_draft(LOW, HUGE)


def fields(draft, **overrides) -> dict[str, object]:
    today = now().date()
    return {
        "policy": draft.id,
        "model_version": "",
        "since": (today - timedelta(days=6)).isoformat(),
        "until": today.isoformat(),
        "capacity": 2,
        "labels_as_of": "",
        "maturity_days": 120,
    } | overrides


def run(backtest: Backtest) -> Backtest:
    claimed = claim_backtest(at=now())
    assert claimed == backtest
    run_backtest(claimed.id, claimed.attempts, clock=now)
    return Backtest.objects.get(id=backtest.id)


def record(amounts, **overrides) -> list[Decision]:
    return decide(amounts, occurred_at=now() - HOUR, **overrides)


def ask_now(draft, **overrides) -> Backtest:
    at = now()
    return ask(draft, at=at, **{"since": at - 7 * DAY, "until": at} | overrides)


def page_of(backtest: Backtest) -> str:
    return f"/policy/backtests/{backtest.id}/"


def test_a_manager_asks_for_a_backtest_and_comes_to_its_page(manager, draft, mia):
    response = manager.post("/policy/backtests/", fields(draft))

    asked = Backtest.objects.get()
    assert response.headers["Location"] == page_of(asked)
    assert (asked.policy, asked.requested_by, asked.capacity, asked.status) == (draft, mia, 2, "waiting")
    assert (asked.until - asked.since) <= 7 * DAY


def test_the_form_begins_with_the_days_version_and_capacity_of_last_time(manager, draft):
    ask_now(draft, capacity=77)

    page = manager.get(f"/policy/backtests/?version={draft.version}&days=7").content.decode()

    assert f'<option value="{draft.id}" selected>' in page
    assert 'value="77"' in page
    assert (now().date() - timedelta(days=6)).isoformat() in page


def test_the_form_begins_with_the_reviews_a_day_of_the_settings(manager, draft, settings):
    settings.REVIEWS_A_DAY = 55
    ask_now(draft, capacity=77)

    assert 'value="55"' in manager.get("/policy/backtests/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"policy": "0"}, "Select a valid choice"),
        ({"since": ""}, "Choose a day."),
        ({"since": "2020-01-01"}, "at most 400 days"),
        ({"until": "2020-01-01", "since": "2020-01-02"}, "before the first"),
        ({"since": "nonsense\x00"}, "enter a valid date"),
        ({"capacity": "-1"}, "greater than or equal to 0"),
        ({"capacity": "9" * 40}, "less than or equal to"),
        ({"maturity_days": ""}, "required"),
        ({"until": "9999-12-31", "since": "9999-12-31"}, "choose a day up to tomorrow"),
        ({"labels_as_of": "0001-01-01"}, "choose a day from 1 Jan 2000 on"),
        ({"model_version": "no\x00body"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_asked(manager, draft, wrong, said):
    response = manager.post("/policy/backtests/", fields(draft, **wrong))

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Backtest.objects.exists()


def test_a_version_that_cannot_be_run_is_refused_in_words(manager, draft):
    broken = make_draft(RuleDraft("odd", "amount >", "review", "Odd"))

    response = manager.post("/policy/backtests/", fields(broken))

    assert response.status_code == 422
    assert "cannot be run" in response.content.decode()


def test_who_reads_may_not_run_nor_cancel(reader, draft):
    asked = ask_now(draft)

    assert reader.get("/policy/backtests/").status_code == 200
    assert "Run backtest" not in reader.get("/policy/backtests/").content.decode()
    assert reader.get(page_of(asked)).status_code == 200
    assert reader.post("/policy/backtests/", fields(draft)).status_code == 403
    assert reader.post(f"{page_of(asked)}cancel/").status_code == 403
    assert Backtest.objects.get().status == "waiting"


def test_who_has_no_permission_sees_nothing(client, alice, draft):
    asked = ask_now(draft)
    client.force_login(alice)

    for address in ("/policy/backtests/", page_of(asked), f"{page_of(asked)}state/"):
        assert client.get(address).status_code == 403


def test_one_that_is_not_there_is_not_found(manager):
    assert manager.get("/policy/backtests/1/").status_code == 404
    assert manager.get(f"/policy/backtests/{10**30}/").status_code == 404


def test_a_running_one_says_how_far_it_is_and_looks_again(manager, draft):
    asked = ask_now(draft)
    Backtest.objects.filter(id=asked.id).update(status="running", rows=1000, rows_done=250, beat_at=now())

    page = manager.get(page_of(asked)).content.decode()
    part = manager.get(f"{page_of(asked)}state/", headers={"HX-Request": "true"}).content.decode()

    assert 'hx-trigger="every 1s"' in page
    assert '<progress aria-label="Progress" max="1000" value="250">' in part
    assert "250 of 1,000 payments" in part
    assert "<html" not in part


def test_one_that_ended_has_its_page_loaded_anew(manager, draft):
    asked = run(ask_now(draft))

    told = manager.get(f"{page_of(asked)}state/", headers={"HX-Request": "true"})

    assert told.headers["HX-Refresh"] == "true"


def test_a_manager_cancels_and_is_named(manager, draft):
    asked = ask_now(draft)

    manager.post(f"{page_of(asked)}cancel/")

    page = manager.get(page_of(asked)).content.decode()
    assert "Cancelled" in page
    assert "By Mia" in page


def test_a_failed_one_says_why(manager, draft):
    asked = ask_now(draft)
    Backtest.objects.filter(id=asked.id).update(status="failed", error="The disk <was> full.")

    assert "The disk &lt;was&gt; full." in manager.get(page_of(asked)).content.decode()


def test_the_result_says_first_what_it_means(manager, draft):
    caught, bothered, other = record(["700", "600", "10"])
    make_label(caught, "fraud", known_at=now())
    make_label(bothered, "legitimate", known_at=now())
    asked = run(ask_now(draft, capacity=1))

    page = manager.get(page_of(asked)).content.decode()

    said = "Stops 1 more fraud worth 700.00 EUR and bothers 1 more customer; 2 alerts a day, 1 over what the team can"
    assert said in page
    assert said in manager.get("/policy/backtests/").content.decode()
    assert "+685" in page
    assert page.count(caught.transaction_id) == 2
    assert other.transaction_id not in page


def test_what_bothered_customers_cost_is_said_in_the_currency_of_the_costs(manager, draft):
    for currency in ("EUR", "SEK"):
        for row in record(["700.50", "600"], currency=currency):
            make_label(row, "legitimate", known_at=now())

    page = manager.get(page_of(run(ask_now(draft)))).content.decode()

    assert page.count("1,300.50") == 2
    assert page.count('<td class="r nowrap">30.00</td>') == 2
    assert page.count("Their cost, EUR") == 1


def test_an_example_opens_its_case_where_it_has_one_and_else_the_search(manager, draft):
    first, second = record(["700", "600"])
    for row in (first, second):
        make_label(row, "fraud", known_at=now())
    case = make_case(decisions=[first])

    page = manager.get(page_of(run(ask_now(draft)))).content.decode()

    assert f'href="/cases/{case.id}/"' in page
    assert f'href="/search/?q={second.transaction_id}"' in page


def test_nothing_recorded_and_no_labels_are_said(manager, draft):
    empty = run(ask_now(draft))
    assert "No payment of these days could be tried." in manager.get(page_of(empty)).content.decode()

    record(["700"])
    unlabelled = run(ask_now(draft))

    assert "No fraud is known in these days" in manager.get(page_of(unlabelled)).content.decode()


def test_a_draft_that_was_edited_since_is_said(manager, draft):
    asked = run(ask_now(draft))
    type(draft).objects.filter(id=draft.id).update(revision=3)

    assert "The draft was edited since" in manager.get(page_of(asked)).content.decode()


def test_the_list_asks_as_many_queries_for_many_as_for_one(manager, draft):
    run(ask_now(draft))
    manager.get("/policy/backtests/")
    with CaptureQueriesContext(
        connection,
    ) as one:
        manager.get("/policy/backtests/")
    for _ in range(3):
        run(ask_now(draft))

    with CaptureQueriesContext(connection) as many:
        manager.get("/policy/backtests/")

    assert len(many) == len(one)


def test_the_admin_shows_backtests_and_changes_none(manager, draft, mia):
    asked = run(ask_now(draft))

    listed = manager.get("/admin/scoring/backtest/")
    shown = manager.get(f"/admin/scoring/backtest/{asked.id}/change/")

    assert listed.status_code == shown.status_code == 200
    assert "recorded_differs" in shown.content.decode()
    assert manager.get("/admin/scoring/backtest/add/").status_code == 403
