"""A manager has a model trained and reads its card in a real browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.ml.card import card_of, intervals_of
from scoring.ml.training import train
from scoring.models import TrainingRun
from scoring.services.learning import TrainingPeriod
from scoring.services.models import store_model
from scoring.services.trainings import TRAININGS
from tests.factories import DAY, NOON, make_user
from tests.scoring.ml_data import make_dataset

pytestmark = pytest.mark.browser


def stored_model():
    data = make_dataset(3000)
    made = train(data, seed=1, threads=1)
    facts = {
        "metrics": made.metrics | intervals_of(made, seed=1),
        "card": card_of(made, data, seed=1),
        "dataset": {
            "rows": 3000, "labels": {"fraud": 120, "legitimate": 2880, "unknown": 0}, "maturity_days": 7.0,
            "label_sources": {"chargeback": {"fraud": 100}, "analyst": {"fraud": 20, "legitimate": 33}},
            "sha256": "ab" * 32,
        },
    }  # fmt: skip
    return store_model(made, TrainingPeriod(NOON - 20 * DAY, NOON, NOON, DAY), facts=facts)


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def test_a_manager_asks_watches_and_reads_the_card(site, log_in, transactional_db, screenshots):
    model = stored_model()
    page = log_in(make_user("manager"))
    page.goto("/models/trainings/")
    expect(page.get_by_text("No training yet")).to_be_visible()
    screenshots(page, "trainings-empty")
    page.get_by_label("Settings to try").fill("3")
    page.get_by_role("button", name="Train").click()

    expect(page.get_by_role("heading", name="Waiting")).to_be_visible()
    claimed = TRAININGS.claim(at=now())
    TRAININGS.say(claimed.id, 1, at=now(), step="Trying settings, 2 of at most 3", done=0.35)
    expect(page.get_by_text("Trying settings, 2 of at most 3")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "35")
    screenshots(page, "training-running")
    TRAININGS.finish(claimed.id, 1, at=now(), model=model, done=1.0)
    page.get_by_role("link", name="Read its card").click()

    expect(page.get_by_role("heading", name="Known limits")).to_be_visible()
    screenshots(page, "model-card")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_pages_have_no_faults_and_fit_the_screen(site, log_in, transactional_db, screenshots, scheme, size):
    model = stored_model()
    times = {"trained_from": NOON - 9 * DAY, "trained_to": NOON, "labels_as_of": NOON, "maturity_days": 7}
    states = {
        "waiting": {},
        "failed": {"error": "Only 9 fraud labels are known among 700 payments; 10 are needed."},
        "cancelled": {},
        "running": {"step": "Training on 70,123 payments", "done": 0.7},
        "done": {"model": model},
    }
    for status, more in states.items():
        TrainingRun.objects.create(status=status, **times, **more)
    page = log_in(make_user("manager"), color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    one_each = [f"/models/trainings/{one.id}/" for one in TrainingRun.objects.all()]
    for address in ("/models/trainings/", *one_each, f"/models/{model.version}/card/"):
        page.goto(address)
        found[address] = faults(page)
        name = address.strip("/").replace("/", "-").replace(model.version, "version")
        screenshots(page, f"models-{scheme}-{size[0]}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    assert {name: lines for name, lines in found.items() if lines} == {}
