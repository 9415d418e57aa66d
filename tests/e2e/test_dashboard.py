"""The dashboard in a real browser."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils.timezone import now
from playwright.sync_api import expect

from cases.models import BacklogFigures, Case, Handling
from cases.services import figures
from scoring.models import Decision, Label
from tests.e2e.test_accessibility import faults
from tests.factories import DAY, HOUR, MINUTE, make_case, make_decision, make_label, make_user

pytestmark = pytest.mark.browser


def count_now():
    """Count the figures as a worker does: in a thread of its own, for playwright's event loop runs in this one."""

    def work():
        try:
            figures.refresh_figures(now=now())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def make_history(days=30, payments=20):
    """Weeks of payments with labels, case work of two people, and a backlog that comes and goes."""
    chance, at = random.Random(7), now()
    template = make_decision(occurred_at=at)
    columns = {field.name: getattr(template, field.name) for field in Decision._meta.fields if field.name != "id"}
    made = []
    for number in range(days * payments):
        outcome = chance.choices(["approve", "review", "decline"], [12, 2, 1])[0]
        rules = chance.sample(["velocity", "far-from-home", "new-device"], 2) if outcome != "approve" else []
        values = {
            "transaction_id": f"h{number}",
            "occurred_at": at - timedelta(days=chance.random() * days),
            "amount": Decimal(chance.randrange(500, 90_000)) / 100,
            "currency": "USD" if number % 40 == 0 else "EUR",
            "outcome": outcome,
            "score": chance.random() if outcome != "approve" else 0.01,
            "rule_hits": rules,
            "policy_version": 3 if number % 3 else 2,
        }
        made.append(Decision(**columns | values))
    stored = Decision.objects.bulk_create(made)
    labels = []
    for decision in stored:
        is_flagged = decision.outcome != "approve"
        if chance.random() < (0.8 if is_flagged else 0.05):
            value = "fraud" if chance.random() < (0.75 if is_flagged else 0.6) else "legitimate"
            labels.append(Label(decision=decision, label=value, source="analyst", known_at=at))
    Label.objects.bulk_create(labels)
    work(days, chance)


def work(days, chance):
    people = [make_user("analyst"), make_user("analyst", username="zoe")]
    for number in range(days * 2):
        opened = now() - timedelta(days=chance.random() * days)
        took = timedelta(seconds=chance.lognormvariate(5, 1))
        flagged = make_decision(occurred_at=opened, card_id=f"done-{number}", amount=Decimal(40))
        case = make_case(decisions=[flagged], opened_at=opened, due_at=opened + 5 * MINUTE)
        person = people[number % 2]
        Handling.objects.create(
            case=case, analyst=person, claimed_at=opened + took / 2, first_viewed_at=opened + took / 2,
            ended_at=opened + took, ending="verdict",
        )  # fmt: skip
        Case.objects.filter(id=case.id).update(
            status="decided",
            verdict=chance.choice(["fraud", "fraud", "legitimate"]),
            decided_by=person,
            decided_at=opened + took,
        )
        case.events.create(kind="verdict", actor=person, happened_at=opened + took)
    for hours in (0.1, 0.5, 2, 30):
        flagged = make_decision(occurred_at=now() - hours * HOUR, card_id=f"open-{hours}", amount=Decimal(40))
        make_case(decisions=[flagged], opened_at=now() - hours * HOUR, due_at=now() + (1 - hours) * HOUR)
    BacklogFigures.objects.bulk_create(
        BacklogFigures(
            hour=(now() - hour * HOUR).replace(minute=0, second=0, microsecond=0), taken_at=now(),
            open=chance.randrange(2, 30), overdue=0, due_soon=0, by_age=[0] * 6,
        )
        for hour in range(1, days * 24)
    )  # fmt: skip


@pytest.fixture
def morning(site, log_in):
    """A manager's window on a dashboard full of figures."""

    def open_window(address="/dashboard/?days=30", **options):
        make_history()
        count_now()
        page = log_in(make_user("manager"), **options)
        page.goto(address)
        return page

    return open_window


def test_a_chart_is_read_by_keyboard_and_pointer(morning):
    page = morning("/dashboard/?days=7")
    chart = page.locator("[data-chart]").first
    plot, readout = chart.locator("[data-chart-plot]"), chart.locator("[data-chart-readout]")
    today, first = f"{now():%a} {now().day} {now():%b}", now() - 6 * DAY

    plot.focus()
    page.keyboard.press("ArrowLeft")
    expect(readout).to_contain_text(today)
    expect(readout).to_contain_text("Confirmed")
    page.keyboard.press("Home")
    expect(readout).to_contain_text(f"{first:%a} {first.day} {first:%b}")
    page.keyboard.press("Escape")
    expect(readout).to_be_empty()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.79, box["y"] + 50)
    expect(readout).to_contain_text(today)
    page.mouse.move(box["x"] + 2, box["y"] + 50)
    expect(readout).to_be_empty()


def test_days_currency_and_order_stay_in_the_address(morning):
    page = morning("/dashboard/")
    page.goto("/queue/")
    page.keyboard.press("D")
    expect(page.get_by_role("heading", name="Last 7 days")).to_be_visible()

    page.get_by_role("link", name="30 days").click()
    page.get_by_role("link", name="USD").click()
    page.get_by_role("link", name="Precision", exact=True).click()
    expect(page.get_by_role("heading", name="Last 30 days")).to_be_visible()
    expect(page.get_by_role("link", name="USD")).to_have_attribute("aria-current", "true")
    page.get_by_label("From", exact=True).fill(f"{now() - 3 * DAY:%Y-%m-%d}")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(" to ")
    expect(page.get_by_role("link", name="USD")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("columnheader", name="Precision")).to_have_attribute("aria-sort", "ascending")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)], ids=["wide", "phone"])
def test_the_dashboard_has_no_faults_and_fits_the_screen(morning, screenshots, scheme, size):
    page = morning(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for name, address in {"month": "?days=30", "today": "?days=1", "quarter": "?days=90", "bad": "?days=x"}.items():
        page.goto(f"/dashboard/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        for details in page.locator("details").all()[:1]:
            details.locator("summary").click()
        found[name] = faults(page)
        screenshots(page, f"dashboard-{name}-{scheme}-{size[0]}x{size[1]}")
        for number, part in enumerate(page.locator(".part, .rules").all()):
            part.scroll_into_view_if_needed()
            screenshots(page, f"dashboard-{name}-{scheme}-{size[0]}x{size[1]}-{number}")

    assert {name: lines for name, lines in found.items() if lines} == {}


def test_an_empty_desk_has_a_dashboard_without_faults(site, log_in):
    count_now()
    page = log_in(make_user("lead"))
    page.goto("/dashboard/")

    expect(page.get_by_text("Nobody worked on a case in this time.")).to_be_visible()
    assert faults(page) == []


def test_the_page_prints_without_what_is_for_the_screen(morning):
    page = morning()
    page.emulate_media(media="print")

    expect(page.locator(".top")).to_be_hidden()
    expect(page.get_by_role("heading", name="Money")).to_be_visible()


def test_a_label_that_comes_changes_the_figures(morning):
    page = morning("/dashboard/?days=7")
    value = page.locator(".tile", has_text="Missed").locator(".value")
    before = value.inner_text()

    make_label(make_decision(occurred_at=now(), outcome="approve", amount=Decimal(99_999)))
    count_now()
    page.reload()

    expect(value).not_to_have_text(before)
