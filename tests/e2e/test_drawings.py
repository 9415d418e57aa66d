"""The drawings of a case in a real browser."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.features.definitions import INDEX, NAMES, VERSION
from tests.e2e.flagged import flag_now
from tests.factories import DAY, HOUR, MINUTE, make_decision, make_label, make_user

pytestmark = pytest.mark.browser

TOWNS = {"FR": (45.76, 4.84), "DE": (48.14, 11.58), "LV": (56.95, 24.11)}
SCREENS = [
    pytest.param(scheme, size, id=f"{scheme}-{size[0]}") for scheme in ("light", "dark")
    for size in ((1280, 720), (390, 844))
]  # fmt: skip


def at(country, **more):
    latitude, longitude = TOWNS[country]
    place = {"latitude": latitude, "longitude": longitude}
    return {"channel": "pos", "card_country": "FR", "merchant_country": country, **place, **more}


def vector(**values):
    made = np.full(len(NAMES), np.nan, np.float32)
    for name, value in values.items():
        made[INDEX[name]] = value
    return {"features": made.tobytes(), "feature_version": VERSION}


def make_life():
    """A card that paid for a month in France and Germany, and a device and an address that others used too."""
    for number in range(46):
        make_decision(
            occurred_at=now() - (number % 28 + 1) * DAY - number * HOUR,
            amount=Decimal(20 + number * 7 % 60),
            outcome="decline" if number % 9 == 0 else "approve",
            device_id="",
            ip_address=None,
            merchant_id=f"m-{number % 4}",
            merchant_name=["Boulangerie Paul", "Metro", "Kaufhaus", "Lidl"][number % 4],
            record=at("DE" if number % 11 == 0 else "FR"),
            **vector(card_count_1h=0, card_count_24h=1, card_count_5m=0),
        )
    for number in range(24):
        other = make_decision(
            card_id=f"card-{number:04d}",
            occurred_at=now() - number * HOUR,
            outcome="approve",
            device_id="device-1" if number % 3 else "device-2",
            ip_address="192.0.2.7" if number % 2 else "192.0.2.8",
            merchant_id=f"m-other-{number}",
            amount=Decimal(90 + number),
        )
        if number in {2, 7, 11}:
            make_label(other)
        if number == 5:
            make_label(other, "legitimate")
    flag_now(card_id="card-0009", device_id="device-1", amount=Decimal(77), merchant_id="m-other")


def flag_with_life():
    make_life()
    make_decision(occurred_at=now() - 40 * MINUTE, amount=Decimal(30), outcome="approve", device_id="", record=at("FR"))
    reasons = [
        {
            "code": "velocity",
            "words": "7 earlier payments by this card in the last hour; 9 in 24 hours",
            "contribution": 1.8,
        },
        {"code": "merchant_risk", "words": "The shop has almost no fraud", "contribution": -0.6},
        {"code": "burst", "words": "Many payments on a new device"},
    ]
    numbers = vector(card_count_1h=7, card_count_24h=9, card_count_5m=3)
    flag_now(device_id="device-2", customer_id="customer-42", ip_address="192.0.2.8", amount=Decimal(12), **numbers)
    return flag_now(customer_id="customer-42", reasons=reasons, record=at("LV"), **numbers)


def show_all(page):
    """Scroll to what comes later and open what folds."""
    for part, drawing in (("graph", "svg.graph"), ("places", "svg.map")):
        # Not playwright's own scrolling, which waits on an element that is replaced meanwhile.
        page.locator(f"#{part}").evaluate("element => element.scrollIntoView()")
        expect(page.locator(drawing)).to_be_visible()


@pytest.mark.parametrize(("scheme", "size"), SCREENS)
def test_drawings_fit_the_screen_and_have_no_faults_of_accessibility(site, log_in, screenshots, scheme, size):
    case = flag_with_life()
    page = log_in(make_user(), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    name = f"{scheme}-{size[0]}x{size[1]}"

    page.goto(case.get_absolute_url())
    show_all(page)
    page.evaluate("scrollTo(0, 0)")
    screenshots(page, f"case-{name}")
    for part in ("graph", "places", "timeline"):
        page.locator(f"#{part}").evaluate("element => element.scrollIntoView({block: 'start'})")
        screenshots(page, f"{part}-{name}")
    for fold in page.locator("summary").all():
        fold.click()
    expect(page.locator(".behind > a")).to_have_count(0)
    expect(page.get_by_text("multiply the odds of fraud by 6.0")).to_be_visible()
    page.locator(".why").evaluate("element => element.scrollIntoView({block: 'start'})")
    screenshots(page, f"opened-{name}")
    page.locator("[aria-label='Related payments']").evaluate("element => element.scrollIntoView({block: 'start'})")
    screenshots(page, f"related-{name}")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    faults = [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in Axe().run(page).response["violations"]
        for node in fault["nodes"]
    ]
    assert faults == []


def test_from_the_graph_to_a_device_by_keyboard(site, log_in):
    case = flag_with_life()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())
    page.locator("#graph").evaluate("element => element.scrollIntoView()")
    device = page.get_by_role("link", name="Device device-1: 1 payment of this case").first
    expect(device).to_be_visible()

    device.focus()
    expect(page.locator(".graph .tie.lit")).not_to_have_count(0)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Device device-1")


def test_a_key_zooms_the_timeline(site, log_in):
    case = flag_with_life()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    page.keyboard.press("w")
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    page.keyboard.press("w")
    expect(page.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")

    assert "in 24 hours" in page.locator("svg.timeline").get_attribute("aria-label")


def test_everything_can_be_seen_without_scripts(site, log_in):
    case = flag_with_life()
    alice = log_in(make_user())
    page = alice.context.browser.new_context(
        base_url=site, java_script_enabled=False, storage_state=alice.context.storage_state()
    ).new_page()

    page.goto(case.get_absolute_url())
    page.get_by_role("link", name="Show whom this card stands together with").click()
    expect(page.locator("svg.graph")).to_be_visible()
    page.get_by_role("link", name="Back to the case").click()
    page.get_by_role("link", name="24 hours").click()
    expect(page.get_by_role("link", name="24 hours")).to_have_attribute("aria-current", "true")
    page.context.close()


def test_a_hostile_name_is_text_in_the_drawings(site, log_in):
    name = '<img src=x onerror="document.title=1">'
    case = flag_now(merchant_name=name, device_id="<b>bold</b>", record=at("FR"))
    make_label(make_decision(card_id="<i>other</i>", device_id="<b>bold</b>", occurred_at=now() - timedelta(hours=1)))
    page = log_in(make_user())
    page.goto(case.get_absolute_url())
    show_all(page)

    expect(page.locator("svg.graph text", has_text="<b>bold</b>")).to_be_visible()
    assert page.locator("img[src=x], b:text('bold'), i:text('other')").count() == 0
