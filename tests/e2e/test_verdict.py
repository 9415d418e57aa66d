"""The verdict in a real browser: keys, the time to undo, what is filled in again, four eyes, axe."""

from decimal import Decimal

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import ApprovalLimit, Case, Verdict
from scoring.models import Label, ListEntry
from tests.e2e.flagged import flag_now, settle_verdicts
from tests.e2e.test_accessibility import faults
from tests.factories import DAY, make_decision, make_user

pytestmark = pytest.mark.browser
SIZES = [(1280, 720), (390, 844)]


def other_payments(number, **values):
    """Payments of the card in the last days, which nobody flagged."""
    for day in range(1, number + 1):
        make_decision(occurred_at=now() - day * DAY, amount=Decimal(20 + day), outcome="approve", **values)


def open_case(page, case):
    page.goto(case.get_absolute_url())
    expect(page.locator("#claim")).to_contain_text("Yours")


def test_fraud_and_undo_by_two_keys_return_to_all_that_was_filled_in(site, log_in):
    other_payments(2)
    case = flag_now(amount=Decimal(900))
    following = flag_now(card_id="card-2", amount=Decimal(10))
    page = log_in(make_user())
    open_case(page, case)

    page.keyboard.press("2")
    page.keyboard.press("a")
    page.keyboard.press("o")
    expect(page.locator("[name=recent]").first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.type("7 d")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("not them")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Fraud block card 7 days, refuse, label 2 payments")).to_be_visible()
    page.keyboard.press("f")
    expect(page).to_have_url(f"{site}{following.get_absolute_url()}")
    expect(page.get_by_text("Fraud. Case closed.")).to_be_visible()
    page.keyboard.press("u")

    expect(page).to_have_url(f"{site}{case.get_absolute_url()}")
    expect(page.get_by_text("fraud taken back. Nothing has left.")).to_be_visible()
    expect(page.get_by_role("radio", name="Card testing")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Same for 1 other")).to_be_checked()
    expect(page.locator("[name=recent]:checked")).to_have_count(1)
    expect(page.get_by_label("Block card")).to_have_value("7")
    expect(page.get_by_label("Note")).to_have_value("not them")
    settle_verdicts()
    assert not Label.objects.exists()
    case.refresh_from_db()
    assert (case.status, case.claimed_by.username) == ("open", "alice")


def test_the_time_to_undo_is_counted_down_and_its_end_is_said(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.clock.install()
    open_case(page, case)
    page.keyboard.press("l")
    bar = page.locator("[data-undo]")
    expect(bar).to_contain_text("Takes effect in")
    # The bar is there before the script that counts.
    page.wait_for_load_state()

    page.clock.run_for(5_000)
    seconds = int(bar.locator("[data-undo-left]").inner_text().removesuffix(" s"))
    assert 0 < seconds <= 15
    page.clock.run_for(seconds * 1000)

    expect(bar).to_contain_text("The time to undo is over.")
    expect(bar.get_by_role("button")).to_have_count(0)
    page.clock.run_for(5_000)
    expect(bar).to_have_count(0)


def test_the_other_browser_sees_that_a_verdict_waits_and_was_taken_back(site, log_in):
    case = flag_now()
    alice, bob = log_in(make_user()), log_in(make_user("lead"))
    open_case(alice, case)
    alice.keyboard.press("f")
    expect(alice.get_by_text("Case closed.")).to_be_visible()

    bob.goto(case.get_absolute_url())
    expect(bob.get_by_text("Takes effect at")).to_be_visible()
    alice.keyboard.press("u")
    expect(alice.get_by_text("taken back")).to_be_visible()
    bob.reload()

    expect(bob.locator("#claim")).to_contain_text("Alice is working on this case")


def test_a_payment_of_the_case_gets_its_own_verdict_by_keyboard(site, log_in):
    flag_now(amount=Decimal(20))
    case = flag_now(amount=Decimal(900))
    page = log_in(make_user())
    open_case(page, case)

    page.keyboard.press("p")
    page.keyboard.type("legit")
    page.keyboard.press("Escape")
    expect(
        page.get_by_role("button", name="Fraud block card 30 days, refuse, label 1 payment, 1 otherwise")
    ).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_text("Case closed.")).to_be_visible()
    settle_verdicts()

    labels = dict(Label.objects.values_list("decision__amount", "label"))
    assert labels == {Decimal(900): "legitimate", Decimal(20): "fraud"}


def test_without_javascript_it_is_a_plain_form(site, log_in):
    case = flag_now()
    page = log_in(make_user(), java_script_enabled=False)
    page.goto(case.get_absolute_url())

    page.get_by_label("Block card").select_option("90 days")
    expect(page.get_by_text("block the card as chosen")).to_be_visible()
    page.get_by_role("button", name="Fraud").click()
    expect(page.get_by_text("UTC").first).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("fraud taken back")).to_be_visible()
    expect(page.get_by_label("Block card")).to_have_value("90")
    page.get_by_role("button", name="Fraud").click()
    expect(page.get_by_text("Case closed.")).to_be_visible()
    settle_verdicts()

    assert ListEntry.objects.get().value == case.card_id


def test_a_second_person_approves_by_keyboard(site, log_in, screenshots):
    ApprovalLimit.objects.create(verdict="fraud", currency="", amount=1000)
    case = flag_now()
    alice, bob = log_in(make_user()), log_in(make_user("lead"))
    open_case(alice, case)
    expect(alice.get_by_role("button", name="a second person approves")).to_be_visible()
    alice.keyboard.press("f")
    expect(alice.get_by_text("Waits for a second person.")).to_be_visible()

    bob.goto("/queue/")
    bob.keyboard.press("t")
    expect(bob.get_by_role("heading", name="To approve")).to_be_visible()
    screenshots(bob, "approvals-light-1280x720")
    bob.keyboard.press("j")
    bob.keyboard.press("Enter")
    expect(bob.get_by_role("button", name="Approve")).to_be_visible()
    screenshots(bob, "approve-light-1280x720")
    bob.keyboard.press("y")

    expect(bob.get_by_text("fraud approved and in effect")).to_be_visible()
    assert (Case.objects.get().status, Label.objects.get().label) == ("decided", "fraud")


def test_a_refused_verdict_comes_back_with_the_reason(site, log_in):
    ApprovalLimit.objects.create(verdict="fraud", currency="", amount=0)
    case = flag_now()
    alice, bob = log_in(make_user()), log_in(make_user("lead"))
    open_case(alice, case)
    alice.keyboard.press("3")
    alice.keyboard.press("f")
    expect(alice.get_by_text("Waits for a second person.")).to_be_visible()

    bob.goto(case.get_absolute_url())
    bob.keyboard.press("r")
    bob.keyboard.type("call them first")
    bob.keyboard.press("Enter")
    expect(bob.get_by_text("refused, back to Alice")).to_be_visible()
    alice.goto(case.get_absolute_url())

    expect(alice.get_by_text("Bob refused fraud: call them first")).to_be_visible()
    expect(alice.get_by_role("radio", name="Account takeover")).to_be_checked()
    assert Verdict.objects.get().refusal == "call them first"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_verdict_fits_the_screen_and_has_no_faults(site, log_in, screenshots, scheme, size):
    name = f"{scheme}-{size[0]}x{size[1]}"
    other_payments(9)
    flag_now(amount=Decimal("12.40"))
    case = flag_now()
    flag_now(card_id="card-2", amount=Decimal(80))
    window = {"color_scheme": scheme, "viewport": {"width": size[0], "height": size[1]}}
    page = log_in(make_user("lead"), **window)
    open_case(page, case)
    screenshots(page, f"panel-{name}")

    for button in ("Fraud block", "Legitimate release", "Inconclusive label"):
        expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
    if size == SIZES[0]:
        for part in (
            page.get_by_label("Note"),
            page.get_by_role("button", name="Skip"),
            page.get_by_label("Block card"),
        ):
            expect(part).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []
    page.keyboard.press("a")
    page.keyboard.press("o")
    expect(page.locator("[name=recent]").first).to_be_focused()
    screenshots(page, f"recent-{name}")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    page.keyboard.press("f")
    expect(page.get_by_text("Case closed.")).to_be_visible()
    screenshots(page, f"undo-{name}")
    assert faults(page) == []
    page.goto(case.get_absolute_url())
    expect(page.get_by_text("Takes effect at")).to_be_visible()
    screenshots(page, f"waiting-{name}")
    assert faults(page) == []
    settle_verdicts()
    page.goto(case.get_absolute_url())
    page.get_by_text("Open the case again").click()
    screenshots(page, f"decided-{name}")
    assert faults(page) == []


def test_the_buttons_stay_in_sight_while_the_evidence_is_scrolled(site, log_in, screenshots):
    case = flag_now()
    page = log_in(make_user())
    open_case(page, case)

    page.locator("#history").scroll_into_view_if_needed()
    expect(page.locator("#history")).to_contain_text("Opened")
    page.locator("#history li").last.scroll_into_view_if_needed()

    assert page.evaluate("scrollY") > 0
    expect(page.locator("#claim")).to_be_in_viewport(ratio=1)
    screenshots(page, "scrolled-light-1280x720")
    for button in ("Fraud block", "Legitimate release", "Inconclusive label", "Skip"):
        expect(page.get_by_role("button", name=button)).to_be_in_viewport(ratio=1)
    page.locator("#notes").scroll_into_view_if_needed()
    expect(page.locator("#notes")).to_be_in_viewport(ratio=0.9)
