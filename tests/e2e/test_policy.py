"""A manager drafts a policy, sees what is wrong while typing, proposes it; a second one publishes and rolls back."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from scoring.models import Policy
from tests.factories import make_user
from tests.scoring.payments import HUGE, LARGE, publish
from tests.scoring.policy_world import draft, proposed

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def test_a_version_goes_from_a_draft_into_force_and_back(site, log_in, screenshots):
    publish()
    mia, mo = log_in(make_user("manager")), log_in(make_user("manager", username="mo"))
    mia.get_by_role("link", name="Policy").click()
    mia.get_by_role("link", name="New draft").click()
    mia.get_by_label("Note:").fill("Fewer small payments")
    mia.get_by_role("button", name="Save", exact=True).click()

    mia.locator("#rules-group .addlink").click()
    mia.locator("#id_rules-3-code").fill("small")
    mia.locator("#id_rules-3-words").fill("Only {amount}")
    mia.locator("#id_rules-3-outcome").select_option("review")
    typed = mia.locator("#id_rules-3-expression")
    typed.fill("amnt < 1")
    told = mia.locator("#rules-3 .rule-told")
    expect(told).to_contain_text("Did you mean `amount`?")
    expect(told.locator("mark")).to_have_text("amnt")
    screenshots(mia, "policy-typing-error")
    typed.fill("amount < 1")
    expect(told).to_contain_text("Reads amount")
    mia.get_by_role("button", name="Save", exact=True).click()
    mia.wait_for_url("**/policy/versions/2/")
    expect(mia.get_by_text("1 rule added")).to_be_visible()
    screenshots(mia, "policy-draft")

    mia.get_by_role("button", name="Put in shadow").click()
    mia.get_by_label("Why should it be published?").fill("It catches card testing")
    mia.get_by_role("button", name="Propose").click()
    expect(mia.get_by_text("a second person has to publish it")).to_be_visible()
    expect(mia.get_by_role("button", name="Publish")).to_have_count(0)

    mo.goto("/policy/versions/2/")
    expect(mo.get_by_text("No backtest of this version has finished")).to_be_visible()
    screenshots(mo, "policy-proposed")
    mo.get_by_role("button", name="Publish").click()
    expect(mo.get_by_text("Version 2 is in force")).to_be_visible()
    mo.goto("/policy/")
    mo.get_by_label("Why?").fill("Half of France went to review")
    screenshots(mo, "policy-versions")
    mo.get_by_role("button", name="Roll back to version 1").click()
    expect(mo.get_by_text("Version 1 is in force again")).to_be_visible()
    assert Policy.objects.get(status="live").version == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_versions_are_accessible(site, log_in, screenshots, scheme):
    publish()
    manager = make_user("manager")
    draft(manager, LARGE, HUGE, note="A long note that says what this version changes, for whom, and why it does")
    proposed(manager, review_threshold=0.3, lists={"block": "review", "allow": "approve"})
    page = log_in(make_user("manager", username="mo"), color_scheme=scheme)
    for name, url in [("versions", "/policy/"), ("version", "/policy/versions/3/"), ("draft", "/policy/versions/2/")]:
        page.goto(url)
        screenshots(page, f"policy-{name}-{scheme}")
        assert faults(page) == []


def test_the_pages_of_versions_fit_a_phone(site, log_in, screenshots):
    publish()
    proposed(make_user("manager"), review_threshold=0.3)
    page = log_in(make_user("manager", username="mo"), viewport=PHONE)
    for name, url in [("versions", "/policy/"), ("version", "/policy/versions/2/")]:
        page.goto(url)
        screenshots(page, f"policy-{name}-phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
