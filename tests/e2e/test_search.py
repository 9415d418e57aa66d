"""Searching payments in a real browser."""

from pathlib import Path

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import PaymentExport
from tests.e2e.flagged import flag_now
from tests.factories import HOUR, MINUTE, make_decision, make_label, make_user

pytestmark = pytest.mark.browser


def test_payments_are_searched_by_keyboard(site, log_in):
    case = flag_now(card_id="card-4242")
    make_decision(occurred_at=now() - HOUR, card_id="card-4242", outcome="approve")
    make_decision(occurred_at=now(), card_id="card-1", outcome="approve")
    page = log_in(make_user())

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("card-4242")
    page.keyboard.press("Enter")
    expect(page.get_by_text("card-4242 is a card.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{site}{case.get_absolute_url()}")


def test_a_search_is_paged_and_narrowed_without_losing_the_filters(site, log_in):
    for number in range(60):
        make_decision(occurred_at=now() - number * MINUTE, card_id=f"card-{number:04d}")
    page = log_in(make_user())
    page.goto("/search/?outcome=flagged")
    expect(page.get_by_text("The newest 50; there are more.")).to_be_visible()

    page.keyboard.press("o")
    expect(page.get_by_text("The oldest 10; there are newer ones.")).to_be_visible()
    expect(page.get_by_label("Outcome")).to_have_value("flagged")
    page.keyboard.press("p")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_label("Currency").fill("X")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_text("Three letters, like EUR.")).to_be_visible()
    expect(page.get_by_label("Currency")).to_have_value("X")
    expect(page.get_by_label("Outcome")).to_have_value("flagged")


@pytest.mark.parametrize(("button", "ending"), [("Export CSV", ".csv"), ("Export Parquet", ".parquet")])
def test_a_search_is_exported(site, log_in, button, ending):
    make_decision(occurred_at=now(), transaction_id="t-mine", merchant_name="=1+1")
    page = log_in(make_user("lead"))
    page.goto("/search/?q=t-mine")

    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()

    assert download.value.suggested_filename.endswith(f"-1{ending}")
    content = Path(download.value.path()).read_bytes()
    assert b"t-mine" in content
    assert (b"'=1+1" in content) == (ending == ".csv")
    assert PaymentExport.objects.get().rows == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_search_fits_the_screen(site, log_in, screenshots, scheme, size):
    flag_now(device_id="2001-0db8-device-with-a-long-name", ip_address="2001:db8:85a3:8d3:1319:8a2e:370:7348")
    for number, outcome in enumerate(["approve", "approve", "review", "decline", "approve"]):
        name = "A shop with a name that is much too long for any column of any table" if number == 2 else "Corner shop"
        payment = make_decision(
            occurred_at=now() - number * HOUR, merchant_name=name, outcome=outcome, score=0.16 * number
        )
        if number in {1, 2}:
            make_label(payment, "legitimate" if number == 1 else "fraud")
    page = log_in(make_user("lead"), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    searches = {
        "search": "",
        "search-card": "?q=card-7731",
        "search-none": "?q=7731",
        "search-few": "?q=card-7731&amount_from=5000",
        "search-errors": "?q=card-7731&amount_from=1,50&currency=EURO&until=1999-01-01T00:00&since=2020-01-01T00:00",
    }
    for name, address in searches.items():
        page.goto(f"/search/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        screenshots(page, f"{name}-{scheme}-{size[0]}x{size[1]}")
