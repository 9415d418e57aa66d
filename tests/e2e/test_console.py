"""The console in a real browser."""

from decimal import Decimal

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Case
from scoring.models import Label
from tests.e2e.flagged import flag_now, settle_verdicts
from tests.factories import DAY, make_decision, make_user

pytestmark = pytest.mark.browser


def test_from_login_to_verdict_by_mouse(site, sign_in):
    case = flag_now()
    page = sign_in(make_user())

    page.get_by_role("link", name="1,187").click()
    expect(page.get_by_role("heading", name="1,249.00 EUR")).to_be_visible()
    expect(page.get_by_text("Yours while this page is open")).to_be_visible()
    page.get_by_role("button", name="Fraud block card 30 days").click()

    expect(page.get_by_text("Fraud. Case closed.")).to_be_visible()
    case.refresh_from_db()
    assert case.verdict == "fraud"
    settle_verdicts()
    assert Label.objects.get().label == "fraud"


def test_from_queue_to_verdict_by_keyboard(site, log_in):
    small = flag_now(card_id="card-small", amount=Decimal(10))
    large = flag_now(card_id="card-large", amount=Decimal(900))
    page = log_in(make_user())

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}{small.get_absolute_url()}")
    expect(page.locator("#claim")).to_contain_text("Yours")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Card testing")).to_be_checked()
    page.keyboard.press("n")
    page.keyboard.type("called, fili")
    page.keyboard.press("Escape")
    page.keyboard.press("f")

    expect(page).to_have_url(f"{site}{large.get_absolute_url()}")
    small.refresh_from_db()
    assert (small.verdict, small.typology) == ("fraud", "card_testing")
    settle_verdicts()
    assert list(Label.objects.values_list("decision__card_id", "note")) == [("card-small", "called, fili")]


def test_a_key_pressed_twice_does_not_decide_the_next_case(site, log_in):
    flag_now(card_id="card-1", amount=Decimal(900))
    following = flag_now(card_id="card-2", amount=Decimal(10))
    page = log_in(make_user())
    page.keyboard.press("n")
    expect(page.locator("#claim")).to_contain_text("Yours")

    page.keyboard.press("l")
    expect(page).to_have_url(f"{site}{following.get_absolute_url()}", timeout=15_000)
    page.keyboard.down("l")
    page.keyboard.down("l")

    assert Case.objects.filter(status="open").get() == following


def test_a_new_alert_comes_into_the_queue_by_itself(site, log_in):
    page = log_in(make_user())
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    expect(page.locator("[data-feed-state]")).to_have_text("live")

    flag_now(card_id="card-4242")

    expect(page.get_by_text("•••• 4242")).to_be_visible()
    expect(page).to_have_title("(1) Queue · Fraud desk")


def test_a_hostile_merchant_name_is_text_everywhere(site, log_in):
    name = '<img src=x onerror="document.title=1">'
    case = flag_now(merchant_name=name, reasons=[{"code": "x", "words": name}])
    page = log_in(make_user())
    expect(page.get_by_text(name)).to_be_visible()

    page.goto(case.get_absolute_url())
    expect(page.get_by_text(name).first).to_be_visible()
    page.goto("/entities/merchant/m-nordic/")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Merchant {name}")
    page.goto("/live/")
    expect(page.get_by_text(name)).to_be_visible()
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    flag_now(card_id="card-7", merchant_name=name, reasons=[{"code": "x", "words": name}])

    expect(page.get_by_text(name)).to_have_count(2)
    assert page.locator("img[src=x]").count() == 0


def test_the_live_feed_resumes_without_gaps(site, log_in):
    flag_now(card_id="card-1")
    page = log_in(make_user())
    page.goto("/live/")
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    page.keyboard.press("p")
    expect(page.locator("[data-feed-state]")).to_have_text("paused")
    for number in (2, 3, 4):
        flag_now(card_id=f"card-{number}")
    page.keyboard.press("p")

    expect(page.locator("[data-live-rows] tr")).to_have_count(4)
    flag_now(card_id="card-5")

    expect(page.locator("[data-live-rows] tr")).to_have_count(5)
    assert page.locator("[data-live-rows] tr td:first-child").all_inner_texts() == ["5", "4", "3", "2", "1"]


# What the page asks of the browser, noted instead of heard and seen; and a tab in the back.
NOTED = """
  window.noted = [];
  window.AudioContext = class extends AudioContext {
    createOscillator() { noted.push("sound"); return super.createOscillator(); }
  };
  window.Notification = class extends EventTarget {
    static permission = "granted";
    static requestPermission() { return Promise.resolve("granted"); }
    constructor(title, { body }) { super(); noted.push(`${title}: ${body}`); }
  };
  Object.defineProperty(document, "hidden", { get: () => true });
"""


def test_the_live_page_tells_of_new_entries_by_sound_and_notification_once_wanted(site, log_in):
    page = log_in(make_user())
    page.add_init_script(NOTED)
    page.goto("/live/")
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    flag_now(card_id="card-0001")
    expect(page.locator("[data-live-rows] tr")).to_have_count(1)
    assert page.evaluate("noted") == []

    page.keyboard.press("m")
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Notify")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    flag_now(card_id="card-0002", amount=Decimal("80.50"), reasons=[{"code": "x", "words": "New device"}])
    expect(page.locator("[data-live-rows] tr")).to_have_count(2)

    assert page.evaluate("noted") == ["sound", "Flagged payment: •••• 0002, 80.50 EUR: New device"]


def test_of_two_analysts_the_slower_is_told(site, log_in):
    case = flag_now()
    alice, bob = log_in(make_user()), log_in(make_user("lead"))
    alice.goto(case.get_absolute_url())
    expect(alice.locator("#claim")).to_contain_text("Yours")
    bob.goto(case.get_absolute_url())
    expect(bob.locator("#claim")).to_contain_text("Alice is working on this case")

    alice.keyboard.press("f")
    expect(alice.get_by_text("Case closed.")).to_be_visible()
    bob.keyboard.press("l")

    expect(bob.get_by_role("alert")).to_contain_text("Alice has already decided this case: fraud")
    settle_verdicts()
    assert Label.objects.get().label == "fraud"


def test_a_payment_that_joins_the_open_case_is_announced(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())
    expect(page.locator("[data-feed-state]")).to_have_text("live")

    flag_now()

    expect(page.get_by_text("A new payment has joined this case.")).to_be_visible()


def test_a_note_is_kept_without_leaving_the_page(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    page.get_by_label("Note").fill("Called, no answer")
    page.get_by_role("button", name="Add the note without a verdict").click()

    expect(page.locator("#notes")).to_contain_text("Called, no answer")
    expect(page.get_by_label("Note")).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_pages_fit_the_screen(site, log_in, screenshots, scheme, size):
    for day in range(1, 28):
        make_decision(occurred_at=now() - day * DAY, amount=Decimal(20 + day), outcome="approve", device_id="d")
    case = flag_now()
    page = log_in(make_user(), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    for name, address in {"queue": "/queue/", "case": case.get_absolute_url(), "live": "/live/"}.items():
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        screenshots(page, f"{name}-{scheme}-{size[0]}x{size[1]}")

    page.goto(case.get_absolute_url())
    for verdict in ("Fraud block", "Legitimate release", "Inconclusive label"):
        expect(page.get_by_role("button", name=verdict)).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("7 payments in the last hour").first).to_be_in_viewport()
