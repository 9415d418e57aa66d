"""The pages of experiments: planning, starting, reading what is known, ending."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from scoring.models import Experiment, ModelVersion
from scoring.services import model_stages
from scoring.services.experiments import record_looks, start_experiment
from tests.factories import DAY, HOUR, make_label
from tests.scoring.experiment_record import PLAN, begin, decided, make_model

pytestmark = pytest.mark.django_db
LIST = "/models/experiments/"


@pytest.fixture(autouse=True)
def sound(monkeypatch):
    """Models are of no account here: what loads one is tested with the registry."""
    monkeypatch.setattr(model_stages, "check_scores", lambda row: None)


@pytest.fixture
def manager(client, mia):
    client.force_login(mia)
    return client


@pytest.fixture
def models(db):
    return make_model("m-old", "champion"), make_model("m-new")


def fields(**overrides) -> dict[str, object]:
    return {
        "model": "m-new", "share": "20", "metric": "loss", "least_effect": "0.5", "looks": "0", "power": "0.8",
        "alpha": "0.05", "maturity_days": "7", "planned_days": "21", "currency": "EUR", "false_decline_cost": "15",
        "review_cost": "2",
    } | overrides  # fmt: skip


def record_traffic(days: int = 20) -> None:
    """Twelve cards a day, one in six with a fraud that came through."""
    for day in range(days):
        for card in range(12):
            paid = decided("m-old", f"c-{card}-{day % 4}", str(20 + card), at=now() - (day + 8) * DAY)
            if card % 6 == 0:
                make_label(paid, known_at=now() - HOUR)


def run_a_while(mia, *, days: int = 8, losing: str = "", **overrides) -> Experiment:
    """An experiment of so many days, whose cards lost something in one arm more than in the other."""
    started = now() - days * DAY
    experiment = begin(mia, at=started, **overrides)
    for day in range(days):
        for card in range(40):
            for model in ("m-old", "m-new"):
                every = 2 if model == losing else 4
                is_fraud = card % every == day % every
                paid = decided(
                    model, f"{model}-{card}", "30", at=started + day * DAY + HOUR,
                    outcome="review" if card % 5 == 0 else "approve",
                )  # fmt: skip
                if is_fraud:
                    make_label(paid, known_at=paid.decided_at + HOUR)
    record_looks(at=now())
    record_looks(at=now())
    return experiment


def page_of(experiment: Experiment) -> str:
    return f"{LIST}{experiment.id}/"


def test_a_manager_starts_one_and_comes_to_its_page(manager, mia, models):
    response = manager.post(LIST, fields(only="start"))

    started = Experiment.objects.get()
    assert response.headers["Location"] == page_of(started)
    assert (started.started_by, started.share, started.least_effect, started.looks) == (mia, 0.2, 0.5, 0)
    assert ModelVersion.objects.get(stage="challenger").version == "m-new"
    assert "Nothing is known yet" in manager.get(page_of(started)).content.decode()


def test_points_of_a_percentage_are_kept_as_shares(manager, models):
    manager.post(LIST, fields(metric="precision", least_effect="5", looks="5"))

    started = Experiment.objects.get()
    assert (started.metric, started.least_effect, started.looks) == ("precision", 0.05, 5)
    assert "5.00 points" in manager.get(page_of(started)).content.decode()


def test_what_the_plan_can_see_is_worked_out_before_anything_starts(manager, models):
    record_traffic()

    response = manager.post(f"{LIST}plan/", fields(least_effect="20"), headers={"HX-Request": "true"})
    page = response.content.decode()

    assert response.status_code == 200
    assert "<html" not in page
    # 12 payments a day; the loss is that of cards 0 and 6, (20 + 26) / 12.
    assert "12 payments a day on 48 cards, loss per payment 3.83 EUR" in page
    assert "Enough: a difference of 20.0 EUR per payment is seen 80% of the time within 7 days" in page
    assert not Experiment.objects.exists()
    assert "Not enough" in manager.post(LIST, fields(only="plan", least_effect="0.01")).content.decode()
    assert not Experiment.objects.exists()


def test_a_larger_share_and_one_look_need_fewer_days(manager, models):
    record_traffic()

    def days(**said) -> int:
        page = manager.post(f"{LIST}plan/", fields(least_effect="4", **said)).content.decode()
        chosen = page.split('class="chosen"')[1]
        return int(chosen.split('<td class="r">')[1].split(" day")[0].replace(",", ""))

    assert days(share="50", looks="1") < days(share="50", looks="0") < days(share="5", looks="0")


def test_with_nothing_to_plan_from_the_page_says_so(manager, models):
    page = manager.post(f"{LIST}plan/", fields()).content.decode()

    assert "No payment is old enough yet to plan from" in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"model": "m-old"}, "m-old is not one of the available choices"),
        ({"model": ""}, "Choose a model."),
        ({"share": "60"}, "less than or equal to 50"),
        ({"share": "nan"}, "Enter a number"),
        ({"least_effect": "0"}, "greater than or equal to"),
        ({"least_effect": "inf"}, "Enter a number"),
        ({"metric": "precision", "least_effect": "100"}, "give less than 100"),
        ({"metric": "no\x00body"}, "not one of the available choices"),
        ({"looks": "3"}, "not one of the available choices"),
        ({"planned_days": "0"}, "greater than or equal to 1"),
        ({"planned_days": "3", "looks": "5"}, "at least as many days as looks"),
        ({"planned_days": "9" * 40}, "less than or equal to"),
        ({"currency": "eur"}, "Three capital letters"),
        ({"review_cost": "-1"}, "greater than or equal to 0"),
        ({"maturity_days": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_starts(manager, models, wrong, said):
    response = manager.post(LIST, fields(**wrong))

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Experiment.objects.exists()
    assert manager.post(f"{LIST}plan/", fields(**wrong)).status_code == 422


def test_a_second_one_is_refused_in_words(manager, mia, models):
    start_experiment("m-new", 0.1, PLAN, by=mia, at=now())
    make_model("m-third")

    response = manager.post(LIST, fields(model="m-third"))

    assert response.status_code == 422
    assert "is running" in response.content.decode()
    assert Experiment.objects.count() == 1


def test_a_challenger_that_loses_more_is_called_worse(manager, mia):
    experiment = run_a_while(mia, days=14, losing="m-new", maturity_days=1, least_effect=5)

    page = manager.get(page_of(experiment)).content.decode()

    assert "the challenger loses" in page
    assert "more per payment" in page
    assert "The challenger is worse." in page
    assert "Challenger less champion" in page


def test_one_that_differs_in_nothing_is_not_decided_too_soon(manager, mia):
    experiment = run_a_while(mia, maturity_days=1, least_effect=0.01)

    page = manager.get(page_of(experiment)).content.decode()

    assert "Not yet decided." in page
    assert "always-valid 95 % interval" in page
    assert "A test for one single look would say p =" in page


def test_too_few_frauds_decide_nothing(manager, mia):
    experiment = begin(mia, at=now() - 12 * DAY, maturity_days=1)
    for card in range(10):
        decided("m-new", f"n-{card}", "900", at=now() - 10 * DAY, outcome="review")
        decided("m-old", f"o-{card}", "900", at=now() - 10 * DAY)
    record_looks(at=now())
    record_looks(at=now())

    page = manager.get(page_of(experiment)).content.decode()

    assert "too little to judge" in page
    assert "Each arm needs 30 cards" in page


def test_arms_with_other_cards_than_planned_are_warned_of_and_young_payments_counted(manager, mia):
    experiment = begin(mia, at=now() - 3 * DAY, share=0.5)
    for card in range(60):
        decided("m-old", f"o-{card}", at=now() - 2 * DAY)
    decided("m-new", "n-1", at=now() - 2 * DAY)
    decided("m-new", "n-2", at=now() - 2 * DAY, degraded=["features"])
    record_looks(at=now())

    page = manager.get(page_of(experiment)).content.decode()

    assert "The arms do not have the cards they should" in page
    assert "61 are younger than 7 days" in page
    assert "1 payment decided without features or a model" in page


def test_money_is_shown_by_currency_and_all_payments_have_none(manager, mia):
    experiment = begin(mia, at=now() - 3 * DAY, maturity_days=0)
    for currency in ("EUR", "JPY"):
        make_label(decided("m-new", "n-1", "5000", at=now() - 2 * DAY, currency=currency), known_at=now() - 2 * DAY)
    record_looks(at=now())

    page = manager.get(page_of(experiment)).content.decode()

    assert "Fraud let through, JPY</th>" in page
    assert "5,000.00" in page
    assert "10,000" not in page


def test_it_ends_once_and_says_by_whom(manager, mia):
    experiment = begin(mia, at=now() - DAY)

    response = manager.post(f"{page_of(experiment)}end/", {"end": "adopt", "conclusion": "<b>Better</b>"})

    assert response.headers["Location"] == page_of(experiment)
    page = manager.get(page_of(experiment)).content.decode()
    assert "by Mia: the challenger is to be adopted." in page
    assert "&lt;b&gt;Better" in page
    assert "second person makes it the champion" in page
    again = manager.post(f"{page_of(experiment)}end/", {"end": "keep", "conclusion": ""})
    assert again.status_code == 422
    assert "over already" in again.content.decode()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"end": "stop", "conclusion": ""}, "Say why it is stopped"),
        ({"end": "left", "conclusion": ""}, "not one of the available choices"),
        ({"conclusion": "x" * 501, "end": "keep"}, "at most 500"),
        ({}, "required"),
    ],
)
def test_an_end_that_does_not_hold_is_refused_and_it_goes_on(manager, mia, sent, said):
    experiment = begin(mia, at=now() - DAY)

    response = manager.post(f"{page_of(experiment)}end/", sent)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert Experiment.objects.get().end == ""


@pytest.mark.parametrize("role", ["bob", "aude"])
def test_leads_and_auditors_read_and_do_not_start_or_end(client, mia, request, role):
    experiment = begin(mia, at=now() - DAY)
    client.force_login(request.getfixturevalue(role))

    for address in (LIST, page_of(experiment)):
        page = client.get(address)
        assert page.status_code == 200
        assert "Start the experiment" not in page.content.decode()
        assert "End it" not in page.content.decode()
    assert client.post(LIST, fields()).status_code == 403
    assert client.post(f"{page_of(experiment)}end/", {"end": "keep"}).status_code == 403
    assert Experiment.objects.get().end == ""


def test_one_that_is_not_there_is_not_found(manager):
    for number in ("1", str(10**30)):
        assert manager.get(f"{LIST}{number}/").status_code == 404
        assert manager.post(f"{LIST}{number}/end/", {"end": "keep"}).status_code == 404


def test_the_pages_ask_the_same_number_of_queries_with_more_to_show(manager, mia):
    experiment = begin(mia, at=now() - 9 * DAY)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as found:
            assert manager.get(address).status_code == 200
        return len(found)

    record_looks(at=now() - 8 * DAY)
    before = queries(LIST), queries(page_of(experiment))
    record_looks(at=now() + timedelta(seconds=1))
    assert experiment.recorded.count() > 5
    experiment.refresh_from_db()
    manager.post(f"{page_of(experiment)}end/", {"end": "keep"})
    second = start_experiment("m-new", 0.2, PLAN, by=mia, at=now())

    assert queries(LIST) <= before[0] + 1
    assert queries(page_of(experiment)) == queries(page_of(second)) == before[1]


def test_no_artefact_is_read_to_show_a_page(manager, mia):
    experiment = begin(mia, at=now() - DAY)

    with CaptureQueriesContext(connection) as queries:
        manager.get(page_of(experiment))

    assert not [query["sql"] for query in queries if "artefact" in query["sql"]]
