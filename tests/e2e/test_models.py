"""One manager proposes a model, a second one promotes it, and one brings the former champion back."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from scoring.models import ModelVersion
from scoring.services.model_stages import propose
from tests.factories import NOON, make_user
from tests.scoring.model_world import make_champion, make_model

pytestmark = pytest.mark.browser
OLD, NEW, SHADOW = "20261101-0600-a1b2c3d4e5", "20261120-0600-0f9e8d7c6b", "20261118-0600-1122334455"
FIGURES = {"average_precision": 0.712, "auc_roc": 0.912, "brier": 0.0041, "rows": 120_000, "frauds": 913}
BETTER = FIGURES | {"average_precision": 0.741, "intervals": {"average_precision": [0.71, 0.77]}}
PHONE = {"width": 390, "height": 844}


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def some_models(manager) -> None:
    make_champion(OLD, metrics=FIGURES)
    make_model(NEW, metrics=BETTER)
    make_model("20261119-0600-5566778899", seed=2, stage="challenger", share=0.1, metrics=FIGURES)
    shadow = make_model(SHADOW, seed=3, stage="shadow", metrics=FIGURES)
    for was, would, payments in (("approve", "approve", 9120), ("approve", "review", 31), ("review", "review", 88)):
        shadow.shadow_figures.create(
            day=NOON.date(), currency="EUR", outcome=was, shadow_outcome=would, payments=payments, amount=1
        )
    make_model("20261010-0600-9988776655", seed=4, stage="retired", promoted_at=NOON, metrics={})
    propose(version=NEW, note="It finds more frauds at new merchants", by=manager, at=NOON)


def test_a_model_becomes_champion_by_a_second_person_and_is_taken_back(site, log_in, screenshots):
    mia, mo = make_user("manager"), log_in(make_user("manager", username="mo"))
    make_champion(OLD, metrics=FIGURES)
    make_model(NEW, metrics=BETTER)
    propose(version=NEW, note="It finds more frauds at new merchants", by=mia, at=NOON)

    mo.get_by_role("link", name="Models").click()
    mo.get_by_role("link", name=NEW).first.click()
    expect(mo.get_by_text("It finds more frauds at new merchants").first).to_be_visible()
    mo.get_by_label("I have looked at its figures").check()
    mo.get_by_role("button", name="Promote").click()
    expect(mo.get_by_text(f"Model {NEW} is the champion")).to_be_visible()

    mo.get_by_role("link", name="Models").first.click()
    mo.get_by_label("Why?").fill("Half of France is declined")
    mo.get_by_role("button", name=f"Roll back to {OLD}").click()

    expect(mo.get_by_text(f"Model {OLD} is the champion again")).to_be_visible()
    assert ModelVersion.objects.get(stage="champion").version == OLD


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_models_are_accessible_and_fit(site, log_in, screenshots, scheme):
    some_models(make_user("manager"))
    person = make_user("manager", username="mo")
    page = log_in(person, color_scheme=scheme)
    for name, url in [
        ("models", "/models/"),
        ("proposed", f"/models/{NEW}/"),
        ("shadow", "/models/20261118-0600-1122334455/"),
    ]:
        page.goto(url)
        screenshots(page, f"models-{name}-{scheme}")
        assert faults(page) == []
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        page.set_viewport_size({"width": 1280, "height": 720})
