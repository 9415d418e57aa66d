"""A manager plans an experiment, starts it, reads it and ends it in a real browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import expect

from scoring.features.definitions import VERSION
from scoring.ml.training import train
from scoring.models import Decision, Experiment, ExperimentLook, Label, ModelVersion
from scoring.services.experiments import figures_by, start_experiment
from scoring.services.models import TrainingPeriod, promote_model, store_model
from tests.factories import DAY, HOUR, NOON, make_user
from tests.scoring.experiment_record import PLAN, ExperimentPlan
from tests.scoring.ml_data import make_dataset

pytestmark = pytest.mark.browser
LIST = "/models/experiments/"


@pytest.fixture
def mia(transactional_db):
    return make_user("manager")


@pytest.fixture
def models(transactional_db):
    """Two real models, one of them the champion."""
    dataset = make_dataset(600)
    stored = [
        store_model(train(dataset, seed=seed), TrainingPeriod(NOON - 30 * DAY, NOON, NOON + seed * HOUR, 7 * DAY))
        for seed in (1, 2)
    ]
    promote_model(stored[0].version)
    return stored


def record_weeks(models, *, days: int, first) -> None:
    """A hundred cards, every other one decided by either model; one payment in ten a fraud that came through."""
    Decision.objects.bulk_create(
        Decision(
            transaction_id=f"e-{day}-{card}", occurred_at=first + day * DAY, received_at=first + day * DAY,
            decided_at=first + day * DAY, amount=20 + card, currency="EUR" if card % 7 else "SEK", card_id=f"c-{card}",
            merchant_id="m-nordic", record={}, outcome="review" if card % 9 == 0 else "approve", latency_ms=1.0,
            features=b"", feature_version=VERSION, model_version=models[card % 2].version, policy_version=1,
            source="api",
        )
        for day in range(days) for card in range(100)
    )  # fmt: skip
    rows = {row.transaction_id: row for row in Decision.objects.only("id", "transaction_id", "decided_at")}
    frauds = [rows[f"e-{day}-{card}"] for day in range(days) for card in range(100) if (day + card) % 10 == 0]
    Label.objects.bulk_create(
        Label(decision=row, label="fraud", source="chargeback", known_at=row.decided_at + DAY) for row in frauds
    )


def running(models, mia, *, days: int) -> Experiment:
    """An experiment of so many days with each of its looks."""
    started = now() - days * DAY
    record_weeks(models, days=days, first=started + HOUR)
    plan = ExperimentPlan(**vars(PLAN) | {"maturity_days": 3, "least_effect": 2.0})
    experiment = start_experiment(models[1].version, 0.5, plan, by=mia, at=started)
    ExperimentLook.objects.bulk_create(
        ExperimentLook(
            experiment=experiment, day=(started + day * DAY).date(), figures=figures_by(experiment, started + day * DAY)
        )
        for day in range(1, days)
    )
    return experiment


def faults(page):
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def test_a_manager_plans_starts_reads_and_ends(site, log_in, mia, models, screenshots):
    record_weeks(models, days=30, first=now() - 45 * DAY)
    page = log_in(mia)
    page.goto(LIST)
    expect(page.get_by_text("payments a day on 85 cards")).to_be_visible()
    page.get_by_label("A payment counts after, days").fill("10")
    page.get_by_label("Difference worth knowing").fill("20")
    page.get_by_label("Its share of the cards, %").fill("50")
    page.get_by_label("It may be decided").select_option("on 5 planned days")

    expect(page.get_by_text(re.compile("Enough: a difference of 20.0 EUR"))).to_be_visible()
    screenshots(page, "experiments-plan")
    page.get_by_role("button", name="Start the experiment").click()
    expect(page.get_by_text("Nothing is known yet")).to_be_visible()
    assert ModelVersion.objects.get(stage="challenger").version == models[1].version

    page.get_by_label("What was found, or why it stops").fill("A rehearsal")
    page.get_by_role("button", name="Stop it now").click()

    expect(page.get_by_text("stopped before it was known")).to_have_count(2)
    expect(page.get_by_text("A rehearsal")).to_be_visible()
    assert not ModelVersion.objects.filter(stage="challenger").exists()


@pytest.mark.parametrize(("scheme", "size"), [("light", (1280, 720)), ("dark", (390, 844)), ("dark", (1280, 720))])
def test_the_pages_have_no_faults_and_fit_the_screen(site, log_in, mia, models, screenshots, scheme, size):
    experiment = running(models, mia, days=16)
    page = log_in(mia, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})

    found = {}
    for name, address in (("list", LIST), ("one", f"{LIST}{experiment.id}/")):
        page.goto(address)
        found[address] = faults(page)
        screenshots(page, f"experiments-{scheme}-{size[0]}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    assert {name: lines for name, lines in found.items() if lines} == {}
    expect(page.get_by_text("always-valid 95 % interval")).to_be_visible()
    page.get_by_role("region", name="Figures, EUR").scroll_into_view_if_needed()
    screenshots(page, f"experiments-{scheme}-{size[0]}-figures")
    expect(page.get_by_role("heading", name="Challenger less champion")).to_be_visible()
