"""The page of the API: drawn in the browser under the console's strict policy, and its calls work."""

import pytest
from playwright.sync_api import expect

from scoring.services.keys import issue_key
from tests.factories import make_decision, make_user

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_calls_of_the_api_are_shown_with_no_request_elsewhere(site, log_in, screenshots, scheme):
    page = log_in(make_user(), color_scheme=scheme)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("?")
    page.get_by_role("link", name="The API").click()

    expect(page.locator(".opblock")).not_to_have_count(0)
    expect(page.get_by_text("Decide a payment", exact=True)).to_be_visible()
    page.get_by_text("Decide a payment", exact=True).click()
    expect(page.get_by_text("Needs a key with the scope").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    screenshots(page, f"api-docs-{scheme}")

    assert all(url.startswith((site, "data:")) for url in asked)


def test_a_call_is_tried_out_with_a_key(site, log_in):
    make_decision(transaction_id="t-1", record={"transaction_id": "t-1"})
    key = issue_key(name="reader", scopes=["read"])
    page = log_in(make_user())
    page.goto("/api/docs/")

    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container input").fill(key)
    page.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    page.locator(".auth-container").get_by_role("button", name="Close").click()
    page.get_by_text("/api/v1/decisions/{transaction_id}/", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_placeholder("transaction_id").fill("t-1")
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
