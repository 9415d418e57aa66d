"""The explanation of an alert in a real browser: decided by a trained model, explained as the relay does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Case
from cases.services.alerts import open_cases
from scoring.services.explaining import explain_decisions
from scoring.services.models import forget_champion
from scoring.services.policy import RuleDraft, forget_policy
from tests.factories import make_user
from tests.scoring.explained_world import attack, decide_all, habit, make_champion
from tests.scoring.payments import publish

pytestmark = pytest.mark.browser
SCREENS = [
    pytest.param(scheme, size, id=f"{scheme}-{size[0]}") for scheme in ("light", "dark")
    for size in ((1280, 720), (390, 844))
]  # fmt: skip


def explained_case() -> Case:
    """A card that pays about 39 and is tried with more: flagged by the model, then explained."""

    def work() -> Case:
        try:
            forget_champion()
            forget_policy()
            publish(RuleDraft("huge", "amount > 5000", "decline", "Far too much"), review=0.5, decline=0.97)
            make_champion()
            at = now() - timedelta(minutes=9)
            shop = {"merchant_name": "Nordic Electronics", "card_id": "card-7731"}
            decided = decide_all(*habit(at=at, **shop), attack(occurred_at=at, **shop, amount=Decimal("212.40")))
            (entry,) = open_cases([decided[-1].id], now=at)
            explain_decisions([decided[-1].id], at=now())
            return entry.case
        finally:
            forget_champion()
            forget_policy()
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


@pytest.mark.parametrize(("scheme", "size"), SCREENS)
def test_an_explanation_fits_the_screen_and_has_no_faults_of_accessibility(site, log_in, screenshots, scheme, size):
    case = explained_case()
    page = log_in(make_user(), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    page.goto(case.get_absolute_url())
    expect(page.get_by_text("It would have passed").first).to_be_visible()
    expect(page.get_by_text("this card usually pays 39.00 EUR")).to_be_visible()
    expect(page.locator(".steps")).to_be_hidden()
    screenshots(page, f"explained-{scheme}-{size[0]}x{size[1]}")
    page.get_by_text("From any payment's score to this one's").click()
    expect(page.locator(".steps")).to_be_visible()
    page.locator(".explained").evaluate("element => element.scrollIntoView({block: 'center'})")
    screenshots(page, f"explained-steps-{scheme}-{size[0]}x{size[1]}")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    faults = [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    ]
    assert faults == []


def test_the_way_opens_by_keyboard_and_without_scripts(site, log_in):
    case = explained_case()
    alice = log_in(make_user())
    page = alice.context.browser.new_context(
        base_url=site, java_script_enabled=False, storage_state=alice.context.storage_state()
    ).new_page()
    page.goto(case.get_absolute_url())

    page.locator(".way summary").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Any payment, before anything is known of it")).to_be_visible()
    expect(page.locator(".steps tr.total")).to_have_count(2)
    page.context.close()
