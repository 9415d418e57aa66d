"""The pages of trainings and of model cards."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from cases.modelling.card_page import card_page
from cases.modelling.effects_drawing import draw_effects, farthest
from scoring.ml.card import card_of, intervals_of
from scoring.ml.training import train
from scoring.models import ModelVersion, TrainingRun
from scoring.services.learning import TrainingPeriod
from scoring.services.models import store_model
from scoring.services.trainings import TRAININGS, cancel_training
from tests.factories import DAY, NOON, make_user
from tests.scoring.ml_data import make_dataset
from tests.scoring.model_world import make_model

pytestmark = pytest.mark.django_db
ASKED = {
    "trained_from": "2026-10-01", "trained_to": "2026-10-31", "labels_as_of": "", "maturity_days": "7", "trials": "5",
    "trial_minutes": "3",
}  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    data = make_dataset(3000)
    return train(data, seed=1, threads=1), data


@pytest.fixture
def model(trained) -> ModelVersion:
    made, data = trained
    facts = {
        "metrics": made.metrics | intervals_of(made, seed=1),
        "card": card_of(made, data, seed=1),
        "dataset": {"rows": 3000, "label_sources": {"chargeback": {"fraud": 12}}, "sha256": "ab" * 32},
    }
    return store_model(made, TrainingPeriod(NOON - 20 * DAY, NOON, NOON, DAY), facts=facts)


@pytest.fixture
def mia():
    return make_user("manager")


def make_run(**overrides) -> TrainingRun:
    values = {"trained_from": NOON - 30 * DAY, "trained_to": NOON, "labels_as_of": NOON, "maturity_days": 7}
    return TrainingRun.objects.create(**values | overrides)


def test_a_manager_asks_for_a_training_and_is_taken_to_it(client, mia):
    client.force_login(mia)

    response = client.post(reverse("model_trainings"), ASKED)

    asked = TrainingRun.objects.get()
    assert response.url == reverse("model_training", args=[asked.id])
    assert (asked.requested_by, asked.trials, asked.trial_seconds, asked.reason) == (mia, 5, 180, "asked")
    assert (asked.trained_from, asked.trained_to) == (
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trained_from": ""}, "Choose a day."),
        ({"trained_to": "2026-09-01"}, "The last day is before the first."),
        ({"trained_from": "2020-01-01"}, "Choose at most 400 days"),
        ({"labels_as_of": "2026-10-15"}, "Must not be before the last payment"),
        ({"trials": "1000"}, "less than or equal to 200"),
        ({"maturity_days": "soon"}, "Enter a whole number"),
    ],
)
def test_what_cannot_be_trained_is_said_beside_its_field(client, mia, wrong, said):
    client.force_login(mia)

    response = client.post(reverse("model_trainings"), ASKED | wrong)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not TrainingRun.objects.exists()


def test_leads_and_auditors_read_and_ask_for_nothing(client):
    run = make_run()
    for role in ("lead", "auditor"):
        client.force_login(make_user(role))

        assert "Train a model" not in client.get(reverse("model_trainings")).content.decode()
        assert client.get(reverse("model_training", args=[run.id])).status_code == 200
        assert client.post(reverse("model_trainings"), ASKED).status_code == 403
        assert client.post(reverse("cancel_training", args=[run.id])).status_code == 403
    assert TrainingRun.objects.get().status == "waiting"


def test_progress_is_told_until_it_is_over_and_then_the_page_is_loaded_anew(client, mia):
    client.force_login(mia)
    run = make_run()
    TRAININGS.begin(run.id, at=NOON)
    TRAININGS.say(run.id, 1, at=NOON, step="Training on 9 payments", done=0.42)

    shown = client.get(reverse("training_state", args=[run.id]), headers={"HX-Request": "true"}).content.decode()

    assert "42 %" in shown
    assert "Training on 9 payments" in shown
    TRAININGS.fail(run.id, 1, words="Only 9 payments with a known label", at=NOON)
    over = client.get(reverse("training_state", args=[run.id]), headers={"HX-Request": "true"})
    assert over.headers["HX-Refresh"] == "true"
    assert "Only 9 payments" in client.get(reverse("model_training", args=[run.id])).content.decode()


def test_cancelling_one_that_is_over_is_said_and_changes_nothing(client, mia):
    client.force_login(mia)
    run = make_run()
    cancel_training(run.id, by=mia, at=NOON)

    response = client.post(reverse("cancel_training", args=[run.id]), follow=True)

    assert "It was over already" in response.content.decode()
    assert client.get(reverse("cancel_training", args=[run.id])).status_code == 405


@pytest.mark.parametrize("run_id", [999, 2**63])
def test_a_training_that_is_not_there_is_404(client, mia, run_id):
    client.force_login(mia)

    assert client.get(reverse("model_training", args=[run_id])).status_code == 404


def test_the_list_takes_the_same_number_of_queries_however_long(
    client, mia, model, django_assert_max_num_queries, django_assert_num_queries
):
    client.force_login(mia)
    make_run(status="done", model=model, requested_by=mia)
    with django_assert_max_num_queries(20) as first:
        client.get(reverse("model_trainings"))
    for _ in range(4):
        make_run(status="done", model=model, requested_by=mia)

    with django_assert_num_queries(len(first)):
        shown = client.get(reverse("model_trainings")).content.decode()

    assert shown.count(model.version) >= 5


def test_a_card_says_figures_limits_and_what_the_model_leans_on(client, mia, model):
    client.force_login(mia)

    shown = client.get(reverse("model_card", args=[model.version])).content.decode()

    low, high = model.metrics["intervals"]["auc_roc"]
    assert f"{low:.3f} to {high:.3f}" in shown
    assert "Calibration" in shown
    assert "under 10" in shown or "10 to 50" in shown
    assert "Chargeback" in shown
    assert "merchant_fraud_rate_7d" in shown
    assert shown.count("<circle") >= 80
    assert model.signature in shown
    assert "style=" not in shown


def test_a_card_draws_which_way_features_move_payments():
    effects = {"fraud": [(1.0, 2.0), (None, 1.0)], "legitimate": [(0.0, -4.0)]}

    drawn = draw_effects(effects, farthest([{"effects": effects}, {"shap": 0.1}]))

    # The farthest, -4, lies at the edge of its side; the frauds on the other, by the roots of a half and a quarter.
    assert [(dot.x, dot.css) for dot in drawn.dots] == [("183.5", "high"), ("162.0", "missing"), ("6.0", "low")]
    assert drawn.words == (
        "Frauds +1.00 to +2.00, in the middle +1.50; legitimate payments -4.00 to -4.00, in the middle -4.00"
    )


def test_a_card_of_before_effects_were_drawn_is_shown_without():
    (row,) = card_page(ModelVersion(card={"importance": [{"feature": "amount", "gain": 1.0, "shap": 0.5}]})).features

    assert row.effects is None


def test_a_model_of_before_there_were_cards_has_a_page_and_an_unknown_one_has_none(client, mia, model):
    client.force_login(mia)
    old = ModelVersion.objects.create(
        version="old", artefact=b"", signature="", feature_version="1", labels_as_of=NOON, trained_from=NOON,
        trained_to=NOON,
    )  # fmt: skip

    assert "stored before models kept a card" in client.get(reverse("model_card", args=[old.version])).content.decode()
    assert client.get(reverse("model_card", args=["none"])).status_code == 404
    assert client.get("/models/m%001/card/").status_code == 404


def test_a_card_says_where_its_calibration_was_measured_on_other_payments(client, mia, model):
    client.force_login(mia)
    metrics = {**model.metrics, "holdout_rows": 200, "calibration_rows": 100}
    later = make_model("m-half1", metrics=metrics)
    before = make_model("m-before1", metrics={"holdout_rows": 200})

    shown, old = (client.get(reverse("model_card", args=[one.version])).content.decode() for one in (later, before))

    assert "by a line fitted to the older half" in shown
    assert "by a line fitted to the older half" not in old


def test_analysts_see_no_card(client, model):
    client.force_login(make_user("analyst"))

    assert client.get(reverse("model_card", args=[model.version])).status_code == 403
