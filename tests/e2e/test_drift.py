"""A manager finds that amounts grew since the training, looks after the alarm, and asks for another report."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from scoring.models import DriftSettings
from scoring.services import drift
from tests.factories import make_user
from tests.scoring.drift_world import AT, history, record, store, with_larger_amounts

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


@pytest.fixture
def drifted(transactional_db, settings):
    settings.LABEL_MATURITY_DAYS = 2
    DriftSettings.objects.update_or_create(id=1, defaults={"least_rows": 500})
    data = history()
    record(with_larger_amounts(data, 1.6), outcome="review")
    store(data)
    drift.measure_drift(at=AT, is_daily=True)


@pytest.mark.usefixtures("drifted")
def test_a_manager_sees_what_moved_and_looks_after_it(site, log_in, screenshots):
    page = log_in(make_user("manager"))
    page.goto("/models/drift/")
    expect(page.get_by_text("higher than in training").first).to_be_visible()
    screenshots(page, "drift")
    page.get_by_role("button", name="I look after feature amount").click()
    expect(page.get_by_text("looks after it since")).to_be_visible()
    page.get_by_role("button", name="Measure now").click()
    expect(page.get_by_role("button", name="Being measured …")).to_be_disabled()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        screenshots(page, f"drift-{scheme}")
        page.get_by_role("heading", name="Retraining by itself").scroll_into_view_if_needed()
        screenshots(page, f"drift-below-{scheme}")
        assert faults(page) == []
    page.set_viewport_size(PHONE)
    screenshots(page, "drift-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
