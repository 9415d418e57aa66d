"""The queue page in a real browser: choosing many, filters and views by keyboard, and how it looks."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from cases.models import Case, SavedView
from scoring.models import Label
from tests.e2e.board import decide, flag_many, is_live, order, row
from tests.e2e.flagged import flag_now, settle_verdicts
from tests.e2e.test_accessibility import faults
from tests.factories import make_user

pytestmark = pytest.mark.browser


def test_many_are_chosen_and_decided_by_keyboard(site, log_in):
    cases = flag_many(500, 400, 300, 200)
    page = log_in(make_user())
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-bulk]")).to_contain_text("3 chosen")
    expect(page.locator("[data-bulk]")).to_contain_text("1,140 EUR at stake")

    page.keyboard.press("v")
    expect(page.get_by_role("heading", name="3 cases, 3 payments, one verdict")).to_be_visible()
    page.wait_for_timeout(600)
    page.keyboard.press("2")
    page.keyboard.press("f")

    expect(page.get_by_text("3 cases: fraud.")).to_be_visible()
    expect(page).to_have_url(f"{site}/queue/?view=all")
    assert list(Case.objects.filter(status="open")) == [cases[3]]
    assert set(Case.objects.filter(status="decided").values_list("typology", flat=True)) == {"card_testing"}
    settle_verdicts()
    assert Label.objects.filter(label="fraud").count() == 3


def test_all_shown_with_the_same_merchant_are_chosen_by_one_press(site, log_in):
    same = [flag_now(card_id=f"card-{n}", merchant_id="m-1", device_id=f"d-{n}") for n in range(3)]
    other = flag_now(card_id="card-9", merchant_id="m-2", device_id="d-9")
    page = log_in(make_user())

    row(page, same[0]).get_by_role("checkbox").check()
    page.get_by_role("button", name="merchant 3").click()

    expect(page.locator("[data-bulk]")).to_contain_text("3 chosen")
    assert not row(page, other).get_by_role("checkbox").is_checked()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-bulk]")).to_be_hidden()


def test_a_choice_stays_while_the_list_is_read_again_and_loses_what_is_gone(site, log_in):
    first, second = flag_many(300, 200)
    bob = make_user("lead")
    page = log_in(make_user())
    is_live(page)
    page.keyboard.press("A")
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")

    flag_many(900)
    expect(page.locator("[data-queue] tbody tr")).to_have_count(3)
    expect(page.locator("[data-bulk]")).to_contain_text("2 chosen")
    decide(first, bob)

    expect(page.locator("[data-bulk]")).to_contain_text("1 chosen")


def test_a_filter_is_made_kept_under_a_name_and_taken_away_by_keyboard(site, log_in):
    flag_many(900, 50)
    page = log_in(make_user())
    page.keyboard.press("Shift+F")
    page.get_by_label("Amount from").fill("100")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/queue/?amount_from=100")
    assert order(page) == ["0900"]

    page.get_by_text("+ Save view").click()
    page.get_by_label("Name").fill("Over a hundred")
    page.get_by_label("Open the queue with it").check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Over a hundred 1")).to_have_attribute("aria-current", "true")
    assert SavedView.objects.get().filters == {"amount_from": "100"}

    page.goto("/queue/")
    assert order(page) == ["0900"]
    is_live(page)
    flag_many(800)
    expect(page.locator("[data-queue] tbody tr")).to_have_count(2)
    page.get_by_role("link", name="amount from 100 : remove").click()
    expect(page.locator("[data-queue] tbody tr")).to_have_count(3)


def test_without_javascript_cases_are_filtered_chosen_and_decided(site, log_in):
    flag_many(900, 800, 50)
    page = log_in(make_user(), java_script_enabled=False)

    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Amount from").fill("100")
    page.get_by_role("button", name="Show").click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="One verdict").click()
    expect(page.get_by_role("heading", name="2 cases, 2 payments, one verdict")).to_be_visible()
    page.get_by_role("button", name="Legitimate").click()

    expect(page.get_by_text("2 cases: legitimate.")).to_be_visible()
    assert Case.objects.filter(verdict="legitimate").count() == 2


def test_the_page_says_that_it_decides_and_its_buttons_are_off_meanwhile(site, log_in):
    (case,) = flag_many(900)
    page = log_in(make_user())
    page.goto(f"/queue/selected/?case={case.id}")
    # The answer never comes.
    page.evaluate("document.querySelector('[data-deciding]').addEventListener('submit', (e) => e.preventDefault())")

    page.get_by_role("button", name="Legitimate").click()

    expect(page.get_by_text("Deciding …")).to_be_visible()
    expect(page.get_by_role("button", name="Fraud")).to_be_disabled()
    expect(page.get_by_role("button", name="Legitimate")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_board_fits_the_screen_and_has_no_faults_of_accessibility(site, log_in, screenshots, scheme, size):
    name = '<img src=x onerror="document.title=1">'
    for number, amount in enumerate([1249, 900, 455, 190, 42, 1]):
        flag_now(card_id=f"card-{amount:04}", amount=Decimal(amount), merchant_name=f"{name} {number}", device_id="")
    bob = make_user("lead")
    SavedView.objects.create(owner=bob, name="Very large & <b>odd</b>", filters={"amount_from": "400"}, is_shared=True)
    page = log_in(bob, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    found = {}

    def look(step: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{step} is wider than the screen"
        screenshots(page, f"board-{step}-{scheme}-{size[0]}x{size[1]}")
        found[step] = faults(page)

    page.goto("/queue/?amount_from=20&sort=-amount")
    for box in page.get_by_role("checkbox").all()[:3]:
        box.check()
    look("chosen")
    page.locator("summary", has_text="Filter").click()
    look("filter")
    page.locator("summary", has_text="Save view").click()
    look("save")
    page.goto("/queue/?amount_from=x&currency=12")
    look("refused")
    page.goto(f"/queue/?saved={SavedView.objects.get().id}")
    page.locator("summary", has_text="Change view").click()
    look("change")
    page.goto("/queue/?view=all")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="One verdict").click()
    expect(page.get_by_role("heading", name="6 cases, 6 payments, one verdict")).to_be_visible()
    look("bulk")

    assert {step: lines for step, lines in found.items() if lines} == {}
    assert page.locator("img[src=x]").count() == 0
