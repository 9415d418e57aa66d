"""The pages of cards, merchants, devices and addresses in a real browser."""

from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.models import ListChange, ListEntry
from scoring.services.lists import add_list_entry
from tests.e2e.flagged import flag_now
from tests.factories import DAY, HOUR, make_decision, make_label, make_user

pytestmark = pytest.mark.browser


def test_from_a_case_to_the_device_and_onto_the_block_list_and_off_again(site, log_in):
    case = flag_now(device_id="device-of-many")
    page = log_in(make_user("manager"))
    page.goto(case.get_absolute_url())

    page.locator(".facts").get_by_role("link", name="ice-of-many").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Device device-of-many")
    page.keyboard.press("b")
    page.keyboard.type("seen with nine cards")
    page.get_by_text("7 days", exact=True).click()
    page.locator("button[name=list][value=block]").click()

    expect(page.get_by_text("Device device-of-many is on the block list until")).to_be_visible()
    entry = ListEntry.objects.get()
    assert (entry.list_id, entry.value, entry.reason) == ("block", "device-of-many", "seen with nine cards")
    assert (entry.expires_at - entry.created_at).days in {6, 7}

    page.get_by_text("Take it off the block list").click()
    page.get_by_label("Reason").first.fill("a library's computer")
    page.get_by_role("button", name="Take it off").click()

    expect(page.get_by_text("Device device-of-many is off the block list.")).to_be_visible()
    expect(page.get_by_text("On no list.")).to_be_visible()
    assert list(ListChange.objects.order_by("id").values_list("action", "reason")) == [
        ("added", "seen with nine cards"),
        ("removed", "a library's computer"),
    ]


def test_enter_in_the_reason_puts_nothing_on_a_list(site, log_in):
    flag_now()
    page = log_in(make_user("manager"))
    page.goto("/entities/card/card-7731/")

    page.keyboard.press("b")
    page.keyboard.type("not yet")
    page.keyboard.press("Enter")

    expect(page.locator("#list-reason")).to_have_value("not yet")
    assert not ListEntry.objects.exists()


def test_the_full_id_is_copied_by_key(site, log_in):
    flag_now(card_id="card-tokenised-4242")
    page = log_in(make_user(), permissions=["clipboard-read", "clipboard-write"])
    page.goto("/entities/card/card-tokenised-4242/")

    page.keyboard.press("c")

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "card-tokenised-4242"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_pages_of_entities_fit_the_screen(site, log_in, screenshots, scheme, size):
    for number in range(60):
        payment = make_decision(
            occurred_at=now() - (number % 29) * DAY - HOUR,
            amount=Decimal(20 + number),
            outcome=["approve", "approve", "review", "decline"][number % 4],
            card_id=f"card-{number % 11:04d}",
            merchant_name="A shop with quite a long name that goes on and on",
            customer_id=f"customer-{number % 11}",
        )
        if number % 9 == 0:
            make_label(payment)
    flag_now(card_id="card-0002", customer_id="customer-2")
    page = log_in(make_user("manager"), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    for kind, name in {"merchant": "m-nordic", "card": "card-0002", "device": "device-1", "ip": "192.0.2.7"}.items():
        page.goto(f"/entities/{kind}/{name}/")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{kind} is wider than the screen"
        expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
        expect(page.get_by_text("Confirmed fraud", exact=True).first).to_be_in_viewport()
        screenshots(page, f"{kind}-{scheme}-{size[0]}x{size[1]}")
    page.goto("/entities/card/nobody/")
    expect(page.get_by_text("No payment and no list names the card •••• body")).to_be_visible()
    screenshots(page, f"unknown-{scheme}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_pages_of_entities_have_no_faults_of_accessibility(site, log_in, scheme, size):
    mia = make_user("manager")
    for number in range(12):
        payment = make_decision(occurred_at=now() - number * DAY, outcome="approve", card_id=f"card-{number:04d}")
        if number % 3 == 0:
            make_label(payment)
    flag_now(card_id="card-0001")
    for name in ("block", "allow"):
        add_list_entry(
            list_name=name, entity="merchant", value="m-nordic", reason="x", expires_at=now() + DAY, author=mia
        )
    page = log_in(mia, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for path in ("merchant/m-nordic", "card/card-0001", "card/nobody"):
        page.goto(f"/entities/{path}/")
        for fold in page.get_by_text("Take it off the").all():
            fold.click()
        found[path] = [
            f"{fault['id']}: {node['html'][:200]}"
            for fault in Axe().run(page).response["violations"]
            for node in fault["nodes"]
        ]

    assert {path: faults for path, faults in found.items() if faults} == {}
