"""Queues in a real browser: tabs, escalating by key, moving, warnings."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import Case, Queue
from cases.services import deadlines
from cases.services.queues import default_queue
from tests.e2e.flagged import flag_now
from tests.e2e.test_console import NOTED
from tests.factories import MINUTE, make_queue, make_user

pytestmark = pytest.mark.browser


def in_a_thread(work):
    """As the task worker does: playwright's event loop runs in this thread."""

    def run():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.fixture
def leads(site):
    leads = Queue.objects.get(slug="leads")
    leads.groups.clear()
    default = default_queue()
    default.escalates_to = leads
    default.save()
    return leads


def test_e_asks_why_and_hands_the_case_on(site, log_in, leads):
    large = flag_now(card_id="card-large", amount=Decimal(900))
    small = flag_now(card_id="card-small", amount=Decimal(10))
    page = log_in(make_user())
    page.keyboard.press("n")
    expect(page).to_have_url(f"{site}{large.get_absolute_url()}")

    page.keyboard.press("e")
    expect(page.get_by_role("dialog", name="Escalate to Leads")).to_be_visible()
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("a ring of five cards")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{site}{small.get_absolute_url()}")
    expect(page.get_by_text("arge: escalated to Leads.")).to_be_visible()
    large.refresh_from_db()
    assert (large.queue, large.claimed_by) == (leads, None)
    assert large.events.get(kind="escalated").text == "To Leads: a ring of five cards"


def test_what_stands_in_the_note_is_the_reason_to_begin_with(site, log_in, leads):
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())
    page.get_by_label("Note").fill("Called,\nno answer")

    page.get_by_role("button", name="Escalate to Leads").click()

    expect(page.get_by_label("Why?")).to_have_value("Called, no answer")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    case.refresh_from_db()
    assert case.escalated_at is None


def test_without_a_script_the_note_is_the_reason(site, log_in, leads):
    case = flag_now()
    page = log_in(make_user(), java_script_enabled=False)
    page.goto(case.get_absolute_url())
    page.get_by_label("Note").fill("too large for me")

    page.get_by_role("button", name="Escalate to Leads").click()

    expect(page.get_by_text("escalated to Leads.")).to_be_visible()
    assert case.events.get(kind="escalated").text == "To Leads: too large for me"


def test_a_queue_that_escalates_to_nobody_offers_no_way_up(site, log_in):
    Queue.objects.update(escalates_to=None)
    case = flag_now()
    page = log_in(make_user())
    page.goto(case.get_absolute_url())

    expect(page.get_by_role("button", name="Skip")).to_be_visible()
    expect(page.get_by_role("button", name="Escalate")).to_have_count(0)


def test_tabs_choose_a_queue_and_their_counts_follow(site, log_in, leads):
    make_queue("large", position=1, members=[ann := make_user(username="ann")])
    flag_now(card_id="card-1")
    default = flag_now(card_id="card-2")
    Case.objects.filter(id=default.id).update(queue=default_queue())
    page = log_in(ann)
    tabs = page.get_by_role("navigation", name="Queues")
    expect(tabs.get_by_role("link")).to_have_text(["All queues 2", "Large 1", "Leads 0", "General 1"])

    tabs.get_by_role("link", name="Large").click()
    expect(page.locator("tr[data-case]")).to_have_count(1)
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    flag_now(card_id="card-3")

    expect(page.locator("tr[data-case]")).to_have_count(2)
    expect(tabs.get_by_role("link")).to_have_text(["All queues 3", "Large 2", "Leads 0", "General 1"])
    expect(page).to_have_title("(3) Queue · Fraud desk")
    page.keyboard.press("n")
    expect(page.locator(".case-queue")).to_contain_text("in Large")


def test_a_lead_moves_a_case_to_another_queue(site, log_in, leads):
    case = flag_now()
    page = log_in(make_user("lead"))
    page.goto(case.get_absolute_url())

    page.get_by_text("Move to another queue").click()
    page.get_by_label("Queue", exact=True).select_option("Leads")
    page.get_by_role("button", name="Move", exact=True).click()

    expect(page.get_by_text("is in Leads now")).to_be_visible()
    expect(page.locator(".case-queue")).to_contain_text("in Leads")


def test_who_wants_to_be_told_hears_of_cases_that_are_nearly_due(site, log_in):
    case = flag_now()
    page = log_in(make_user())
    page.add_init_script("for (const name of ['live-sound', 'live-notify']) localStorage.setItem(name, 'on');" + NOTED)
    page.goto("/queue/")
    expect(page.locator("[data-feed-state]")).to_have_text("live")
    Case.objects.filter(id=case.id).update(due_at=now() + 5 * MINUTE)

    in_a_thread(lambda: deadlines.watch_deadlines(now=now()))

    expect(page.locator("tr[data-case] .warned")).to_have_text("due soon")
    assert page.evaluate("noted") == ["sound", "1 case due in 10 min: General: 1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_pages_have_no_faults_and_fit_the_screen(site, log_in, screenshots, leads, scheme, size):
    make_queue("large", title="Large amounts", position=1, condition="amount >= 500")
    for number, amount in enumerate((1249, 80, 12, 640)):
        flag_now(card_id=f"card-{number:04d}", amount=Decimal(amount))
    soon, escalated, case = Case.objects.order_by("card_id")[:3]
    Case.objects.filter(id=soon.id).update(due_at=now() + 4 * MINUTE, warned_at=now())
    Case.objects.filter(id=escalated.id).update(queue=leads, escalated_at=now(), due_at=now() + 200 * MINUTE)
    page = log_in(make_user("lead"), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    name = f"{scheme}-{size[0]}x{size[1]}"

    found = {}
    for shown, address in {"queue": "/queue/", "tab": "/queue/?queue=leads", "case": soon.get_absolute_url()}.items():
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{shown} is wider than the screen"
        screenshots(page, f"{shown}-{name}")
        found[shown] = Axe().run(page).response["violations"]
    for button in ("Fraud block card", "Skip", "Escalate to Leads"):
        expect(page.get_by_role("button", name=button)).to_be_visible()
    page.get_by_role("button", name="Escalate to Leads").click()
    screenshots(page, f"escalate-{name}")
    found["escalate"] = Axe().run(page).response["violations"]
    page.keyboard.press("Escape")
    page.get_by_text("Move to another queue").click()
    screenshots(page, f"move-{name}")
    found["move"] = Axe().run(page).response["violations"]

    assert {shown: faults for shown, faults in found.items() if faults} == {}
