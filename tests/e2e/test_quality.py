"""Data first, blind reviews and the quality of review in a real browser."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Check
from cases.services import checks, known_cases, verdict_effects
from cases.services.review_settings import change_settings
from scoring.models import Label
from tests.cases.reviewing import decided_case, review_everything
from tests.e2e.flagged import flag_now
from tests.factories import DAY, HOUR, MINUTE, make_decision, make_label, make_user
from tests.timeless import without_instants

pytestmark = pytest.mark.browser
SIZES = [(1280, 720), (390, 844)]


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def test_data_first_decides_by_key_and_sees_the_score_after(site, log_in, screenshots):
    alice = make_user()
    change_settings(values={}, displays={alice.id: "always"})
    case = flag_now(score=0.8765)
    page = log_in(alice)
    screenshots(page, "data-first-queue")
    expect(page.get_by_role("link", name="after the verdict")).to_be_visible()

    page.keyboard.press("n")
    page.wait_for_url(f"**{case.get_absolute_url()}")
    expect(page.get_by_text("score shown after the verdict")).to_be_visible()
    expect(page.get_by_role("button", name="Fraud")).to_be_in_viewport()
    assert "0.87" not in without_instants(page.content())
    screenshots(page, "data-first-case")
    page.keyboard.press("f")
    page.wait_for_url("**/queue/")

    page.goto(case.get_absolute_url())
    expect(page.get_by_text("score shown after the verdict")).to_be_visible()
    verdict_effects.settle_due(now=now() + timedelta(seconds=settings.VERDICT_UNDO_SECONDS))
    page.reload()
    expect(page.get_by_text("score 0.87")).to_be_visible()


def test_the_live_page_shows_a_data_first_analyst_no_score(site, log_in):
    alice = make_user()
    change_settings(values={}, displays={alice.id: "always"})
    page = log_in(alice)
    page.goto("/live/")
    expect(page.locator("[data-feed-state]")).to_have_text("live")

    flag_now(score=0.8765)

    expect(page.locator("[data-live-rows] tr")).to_have_count(1)
    assert "0.87" not in without_instants(page.content())
    assert "payments in the last hour" not in page.content()


def test_a_blind_review_is_worked_on_like_any_case(site, log_in, screenshots):
    alice, bob = make_user(), make_user("lead")
    review_everything(second_rate=1.0, known_rate=0.0)
    payment = make_decision(card_id="card-again-4242", occurred_at=now() - 2 * HOUR)
    case = decided_case(alice, decided_at=now() - HOUR, decisions=[payment], typology="stolen_card")
    waiting = flag_now(card_id="card-waits-1111")
    labels = Label.objects.count()
    page = log_in(bob)

    page.keyboard.press("n")
    page.wait_for_url(f"**{case.get_absolute_url()}")
    expect(page.get_by_text("Yours while this page is open")).to_be_visible()
    screenshots(page, "blind-review")
    assert "stolen" not in page.locator("main").inner_text().replace("Stolen card", "")
    page.locator("#history").scroll_into_view_if_needed()
    expect(page.locator("svg.graph")).to_be_visible()
    expect(page.locator("#history").get_by_text("Opened")).to_be_visible()
    page.keyboard.press("w")
    expect(page.locator("#span-month")).not_to_have_attribute("aria-current", "true")
    assert page.locator(".dot-fraud").count() == 0
    assert faults(page) == []
    screenshots(page, "blind-review-drawings")
    page.keyboard.press("n")
    page.keyboard.type("his brother paid")
    page.keyboard.press("Escape")
    page.keyboard.press("l")

    page.wait_for_url(f"**{waiting.get_absolute_url()}")
    expect(page.get_by_text("•••• 4242: Legitimate. Case closed.")).to_be_visible()
    check = Check.objects.get()
    assert (check.verdict, check.agrees, check.note) == ("legitimate", False, "his brother paid")
    assert Label.objects.count() == labels


def fill(alice, bob):
    """Weeks of work of two people: enough to tell something, with disagreements and known cases."""
    review_everything()
    for number in range(44):
        verdict = "legitimate" if number % 3 == 0 else "fraud"
        typology = ["card_testing", "stolen_card"][number % 2] if verdict == "fraud" else ""
        first, second = (alice, bob) if number % 4 else (bob, alice)
        at = now() - (number % 20) * DAY - HOUR
        case = decided_case(first, verdict=verdict, typology=typology, decided_at=at)
        if number % 5 == 0:
            make_label(case.alerts.get().decision, "fraud" if number % 10 else "legitimate", source="customer")
        said = "inconclusive" if number % 11 == 4 else verdict
        Check.objects.filter(case=case).update(analyst=second, taken_at=at, taken_until=at + MINUTE)
        check = Check.objects.select_related("analyst").get(case=case)
        checks.record(
            check,
            reviewer=check.analyst,
            verdict=said,
            typology="",
            note="cannot say" if said != verdict else "",
            decided_at=at,
        )
    known_cases.collect_truths(now=now())
    known_cases.refill(now=now())
    change_settings(values={"second_rate": 0.1}, displays={})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_fit_the_screen_and_have_no_faults_of_accessibility(site, log_in, screenshots, scheme, size):
    alice, bob = make_user(), make_user("lead")
    fill(alice, bob)
    mara = make_user("manager", username="mara")
    case = Check.objects.filter(kind="known")[0].case
    page = log_in(mara, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for address in (
        "/quality/",
        "/quality/settings/",
        "/quality/audit/",
        case.get_absolute_url(),
        "/quality/?since=never",
    ):
        page.goto(address)
        for fold in (
            page.get_by_text("Settle: what stands?").all()[:1] + page.get_by_text("You know what this was?").all()
        ):
            fold.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"{address} is wider than the screen"
        )
        found[address] = faults(page)
        name = address.strip("/").replace("/", "-").replace("?", "-")[:20]
        screenshots(page, f"{name}-{scheme}-{size[0]}x{size[1]}")
    page = log_in(alice, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    page.goto("/quality/mine/")
    found["mine"] = faults(page)
    screenshots(page, f"mine-{scheme}-{size[0]}x{size[1]}")

    assert {address: lines for address, lines in found.items() if lines} == {}


def test_a_manager_settles_and_sets(site, log_in):
    alice, bob = make_user(), make_user("lead")
    fill(alice, bob)
    page = log_in(make_user("manager", username="mara"))
    page.goto("/quality/")

    page.get_by_text("Settle: what stands?").first.click()
    page.get_by_label("Why?").first.fill("seen on film")
    page.get_by_role("button", name="Legitimate").first.click()
    expect(page.get_by_text("Settled: legitimate. The case still says fraud")).to_be_visible()
    expect(page.get_by_text("seen on film")).to_be_visible()

    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Alice").select_option("Score after the verdict")
    page.get_by_label("Decided cases reviewed a second time, %").fill("12.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Decided cases reviewed a second time, %")).to_have_value("12.5")
    expect(page.get_by_label("Alice")).to_have_value("always")
