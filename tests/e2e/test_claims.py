"""Skipping and presence in a real browser."""

from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Case, Presence
from tests.e2e.flagged import flag_now
from tests.factories import make_user

pytestmark = pytest.mark.browser


def test_s_gives_the_case_back_with_the_note_as_reason_and_opens_the_next(site, log_in):
    large = flag_now(card_id="card-large", amount=Decimal(900))
    small = flag_now(card_id="card-small", amount=Decimal(10))
    page = log_in(make_user())
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site}{large.get_absolute_url()}")

    page.keyboard.press("n")
    page.keyboard.type("the bank calls back at six")
    page.keyboard.press("Escape")
    page.keyboard.press("s")

    expect(page).to_have_url(f"{site}{small.get_absolute_url()}")
    expect(page.get_by_text("arge: skipped, back in the queue.")).to_be_visible()
    large.refresh_from_db()
    assert (large.status, large.claimed_by) == ("open", None)
    assert large.events.get(kind="skipped").text == "the bank calls back at six"


def test_s_pressed_twice_does_not_skip_the_next_case(site, log_in):
    flag_now(card_id="card-1", amount=Decimal(900))
    following = flag_now(card_id="card-2", amount=Decimal(10))
    page = log_in(make_user())
    page.keyboard.press("n")
    expect(page.locator("#claim")).to_contain_text("Yours")

    page.keyboard.press("s")
    expect(page).to_have_url(f"{site}{following.get_absolute_url()}")
    page.keyboard.down("s")

    expect(page.locator("#claim")).to_contain_text("Yours")
    assert not following.events.filter(kind="skipped").exists()


def test_who_looks_is_named_to_the_others_while_the_pages_are_open(site, log_in):
    case = flag_now()
    aude, alice = log_in(make_user("auditor")), log_in(make_user())
    for page in (aude, alice):
        page.clock.install()
    aude.goto(case.get_absolute_url())
    expect(aude.locator("#claim")).to_contain_text("Nobody works on this case")

    alice.goto(case.get_absolute_url())
    expect(alice.locator("#claim")).to_contain_text("Yours")
    expect(alice.locator("#claim")).to_contain_text("Aude is looking too")
    aude.clock.fast_forward(31_000)

    expect(aude.locator("#claim")).to_contain_text("Alice is working on this case")
    assert Case.objects.get().claimed_by.username == "alice"
    aude.close()
    Presence.objects.filter(user__username="aude").delete()
    alice.clock.fast_forward(31_000)
    expect(alice.locator("#claim")).not_to_contain_text("looking too")


def test_a_claim_that_a_lead_released_is_not_taken_back_by_the_page_left_open(site, log_in):
    case = flag_now()
    alice, bob = log_in(make_user()), log_in(make_user("lead"))
    alice.clock.install()
    alice.goto(case.get_absolute_url())
    expect(alice.locator("#claim")).to_contain_text("Yours")
    bob.goto(case.get_absolute_url())
    bob.get_by_role("button", name="Release Alice's claim").click()
    bob.wait_for_url("**/queue/")

    alice.clock.fast_forward(31_000)

    expect(alice.locator("#claim")).to_contain_text("Nobody works on this case")
    alice.get_by_role("button", name="Claim it").click()
    expect(alice.locator("#claim")).to_contain_text("Yours")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_who_looks_fits_the_screen_and_has_no_faults_of_accessibility(site, log_in, screenshots, scheme, size):
    case = flag_now()
    flag_now(card_id="card-2", amount=Decimal(300))
    for role, name in (("auditor", ""), ("manager", ""), ("lead", "maximiliane.von.hohenberg")):
        user = make_user(role, username=name)
        Presence.objects.create(case=case, user=user, seen_at=now())
    page = log_in(make_user(), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    page.goto(case.get_absolute_url())
    expect(page.locator("#claim")).to_contain_text("Yours")
    expect(page.locator("#claim")).to_contain_text("Aude, Maximiliane.von.hohenberg and Mia are looking too")
    for name, part in {"case": ".actions", "queue": "#queue-rows"}.items():
        if name == "queue":
            page.goto("/queue/")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        if name == "queue":
            expect(page.locator(".lookers")).to_be_in_viewport(ratio=1)
        screenshots(page, f"{name}-looked-at-{scheme}-{size[0]}x{size[1]}")
        assert Axe().run(page, part).response["violations"] == []
