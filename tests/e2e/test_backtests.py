"""A manager tries a draft on recorded payments in a real browser."""

import re
from datetime import timedelta
from random import Random

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Permission
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.models import Backtest
from scoring.services.backtests import claim_backtest, run_backtest
from scoring.services.policy import RuleDraft
from tests.factories import DAY, make_label, make_user
from tests.scoring.backtest_world import decide, make_draft
from tests.scoring.payments import HUGE, LARGE, publish

pytestmark = pytest.mark.browser
MEDIUM = RuleDraft("medium", "amount > 600", "review", "The amount is {amount}")
NEW_SHOP = RuleDraft("new_shop", "amount > 300 AND card_is_new_merchant = 1", "review", "{amount} at a new shop")


@pytest.fixture
def mia(transactional_db):
    mia = make_user("manager")
    mia.user_permissions.add(*Permission.objects.filter(codename__in=["view_backtest", "add_backtest"]))
    return mia


def record_two_weeks() -> None:
    """Payments of two weeks, some of each amount, a fifth of the large ones fraud."""
    chance = Random(4)
    for day in range(14):
        amounts = [str(round(chance.uniform(5, 1300), 2)) for _ in range(12 + day % 5)]
        rows = decide(amounts, occurred_at=now() - day * DAY, currency="EUR" if day % 4 else "SEK")
        for row in rows:
            if row.amount > 400:
                make_label(row, "fraud" if chance.random() < 0.4 else "legitimate", known_at=now())


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def test_a_manager_asks_watches_and_reads(site, log_in, mia, screenshots):
    publish(LARGE, HUGE)
    make_draft(MEDIUM, NEW_SHOP, HUGE)
    record_two_weeks()
    page = log_in(mia)
    page.goto("/policy/backtests/?days=30")
    expect(page.get_by_text("No backtest yet")).to_be_visible()
    screenshots(page, "backtests-empty")
    page.get_by_label("Alerts you can review a day").fill("5")
    page.get_by_role("button", name="Run backtest").click()

    expect(page.get_by_role("heading", name="Waiting")).to_be_visible()
    screenshots(page, "backtest-waiting")
    claimed = claim_backtest(at=now())
    Backtest.objects.filter(id=claimed.id).update(rows=400, rows_done=150)
    expect(page.get_by_text("150 of 400 payments")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "150")
    screenshots(page, "backtest-running")
    run_backtest(claimed.id, claimed.attempts, clock=now)

    expect(page.get_by_role("heading", name="Caught now")).to_be_visible()
    screenshots(page, "backtest-done")
    page.goto("/policy/backtests/")
    screenshots(page, "backtests-list")
    page.get_by_role("link", name="2", exact=True).click()
    page.get_by_role("region", name="Caught now").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/search/\?q="))


def test_a_manager_cancels(site, log_in, mia):
    publish(LARGE, HUGE)
    make_draft(MEDIUM)
    page = log_in(mia)
    page.goto("/policy/backtests/")
    page.get_by_role("button", name="Run backtest").click()

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_pages_have_no_faults_and_fit_the_screen(site, log_in, mia, screenshots, scheme, size):
    publish(LARGE, HUGE)
    draft = make_draft(MEDIUM, NEW_SHOP, HUGE)
    record_two_weeks()
    moment = now()
    Backtest.objects.bulk_create(
        Backtest(
            policy=draft, baseline=draft, since=moment - 30 * DAY, until=moment, labels_as_of=moment, maturity_days=30,
            capacity=5, status=status, error="The process that ran it was killed, 3 times." * (status == "failed"),
        )
        for status in ("waiting", "failed", "cancelled", "running")
    )  # fmt: skip
    claimed = claim_backtest(at=moment)
    assert claimed is None
    Backtest.objects.filter(status="running").update(status="cancelled")
    claimed = claim_backtest(at=moment)
    run_backtest(claimed.id, claimed.attempts, clock=lambda: moment + timedelta(seconds=2))
    page = log_in(mia, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for address in ("/policy/backtests/", *(f"/policy/backtests/{one.id}/" for one in Backtest.objects.all())):
        page.goto(address)
        found[address] = faults(page)
        screenshots(page, f"backtests-{scheme}-{size[0]}-{address.strip('/').replace('/', '-')}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    assert {name: lines for name, lines in found.items() if lines} == {}
