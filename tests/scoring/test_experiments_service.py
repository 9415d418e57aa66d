"""Experiments begin and end together with their challenger, one at a time, and what was known stays."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from scoring import tasks
from scoring.ml.model import ModelRefusedError
from scoring.models import Experiment, ExperimentLook, ModelEvent, ModelVersion
from scoring.services import model_stages
from scoring.services.experiments import (
    ExperimentOverError,
    ExperimentPlan,
    ExperimentRefusedError,
    close_left_experiment,
    counted_days,
    end_experiment,
    record_looks,
    start_experiment,
)
from scoring.services.model_stages import ModelStepError
from tests.factories import DAY, NOON, make_user
from tests.scoring.experiment_record import PLAN, START, begin, decided, fraud, make_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sound(monkeypatch):
    """Models are of no account here: what loads one is tested with the registry."""
    monkeypatch.setattr(model_stages, "check_scores", lambda row: None)


@pytest.fixture
def mia(db):
    return make_user("manager")


def stage_of(version: str) -> tuple[str, float | None]:
    return ModelVersion.objects.values_list("stage", "share").get(version=version)


def test_it_starts_with_the_challenger_and_says_who_and_when(mia):
    experiment = begin(mia, share=0.1)

    assert stage_of("m-new") == ("challenger", 0.1)
    assert (experiment.champion.version, experiment.started_by, experiment.end) == ("m-old", mia, "")
    event = ModelEvent.objects.get(model=experiment.challenger)
    assert (event.action, event.by, event.note) == ("challenged", mia, "0.1 of the cards")


def test_a_model_that_would_not_score_is_refused_and_its_events_say_why(mia, monkeypatch):
    def refuse(row):
        raise ModelRefusedError("wrong signature")

    monkeypatch.setattr(model_stages, "check_scores", refuse)

    with pytest.raises(ModelRefusedError):
        begin(mia)

    assert not Experiment.objects.exists()
    (event,) = ModelEvent.objects.filter(model__version="m-new")
    assert (event.action, event.by, event.note) == ("refused", mia, "wrong signature")


def test_a_second_one_is_refused_and_names_the_first(mia):
    first = begin(mia)
    make_model("m-third")

    with pytest.raises(ExperimentRefusedError, match=f"Experiment {first.id} is running"):
        start_experiment("m-third", 0.2, PLAN, by=mia, at=START)
    assert stage_of("m-third") == ("candidate", None)


def test_without_a_champion_there_is_nothing_to_compare_with(mia):
    make_model("m-new")

    with pytest.raises(ExperimentRefusedError, match="no champion"):
        start_experiment("m-new", 0.2, PLAN, by=mia, at=START)


def test_only_a_candidate_or_a_model_in_shadow_becomes_challenger(mia):
    make_model("m-old", "champion")
    make_model("m-gone", "retired")

    with pytest.raises(ModelStepError, match="m-gone is retired"):
        start_experiment("m-gone", 0.2, PLAN, by=mia, at=START)
    with pytest.raises(model_stages.UnknownModelError):
        start_experiment("m-none", 0.2, PLAN, by=mia, at=START)
    assert not Experiment.objects.exists()


def test_the_end_takes_the_cards_back_and_comes_once(mia):
    experiment = begin(mia)

    end_experiment(experiment.id, end="keep", conclusion="No better.", by=mia, at=NOON)

    assert stage_of("m-new") == ("candidate", None)
    with pytest.raises(ExperimentOverError):
        end_experiment(experiment.id, end="adopt", conclusion="Second thoughts.", by=mia, at=NOON)
    experiment.refresh_from_db()
    assert (experiment.end, experiment.conclusion, experiment.ended_by) == ("keep", "No better.", mia)


@pytest.mark.parametrize(
    ("version", "changed"),
    [
        ("m-new", {"stage": "retired", "share": None}), ("m-old", {"stage": "retired", "share": None}),
        ("m-new", {"share": 0.2}), ("m-old", {"stage_since": START + DAY}), ("m-new", {"stage_since": START + DAY}),
    ],
)  # fmt: skip
def test_one_whose_arms_were_changed_is_ended_by_itself(mia, version, changed):
    experiment = begin(mia)
    ModelVersion.objects.filter(version=version).update(**changed)

    assert close_left_experiment(at=NOON) == 1
    assert close_left_experiment(at=NOON) == 0
    experiment.refresh_from_db()
    assert (experiment.end, experiment.ended_by) == ("left", None)
    assert "left its stage or the share was changed" in experiment.conclusion


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_while_one_runs_no_model_is_given_a_share(mia, share):
    experiment = begin(mia)
    make_model("m-third")

    for version in ("m-new", "m-third"):
        with pytest.raises(ModelStepError, match=f"Experiment {experiment.id} is running.*end it first"):
            model_stages.set_challenger(version, share, by=mia, at=NOON)
    assert close_left_experiment(at=NOON) == 0
    assert stage_of("m-new") == ("challenger", 0.5)


def test_each_day_that_is_over_is_written_down_once_as_it_was_known_then(mia):
    experiment = begin(mia)
    late = decided("m-new", "c-1", at=START + DAY)
    fraud(late, after=9 * DAY)

    assert record_looks(at=START + 3 * DAY) == 3
    assert record_looks(at=START + 3 * DAY) == 0
    assert record_looks(at=START + 20 * DAY) == 10
    assert record_looks(at=START + 20 * DAY) == 7

    looks = {look.day: look.figures["arms"] for look in experiment.recorded.all()}
    first = START.date()
    frauds = {(day - first).days: arms["all"]["challenger"]["frauds"] for day, arms in looks.items() if day > first}
    # Known since nine days after the payment, and not a day before.
    assert [day for day, count in frauds.items() if count == 0] == list(range(1, 10))
    assert frauds[10] == 1


def test_with_none_running_nothing_is_written_down(mia):
    experiment = begin(mia)
    end_experiment(experiment.id, end="stop", conclusion="", by=mia, at=START)

    assert record_looks(at=NOON) == 0


def test_the_clock_has_looks_written_down(mia):
    assert settings.CELERY_BEAT_SCHEDULE["record-looks"]["task"] == tasks.record_looks.name
    begin(mia)

    assert tasks.record_looks() > 0


def test_days_count_when_their_payments_are_old_enough_and_alerts_at_once(mia):
    experiment = begin(mia)

    assert counted_days(experiment, START.date()) == 0
    assert counted_days(experiment, START.date() + 9 * DAY) == 3
    experiment.metric = "precision"
    assert counted_days(experiment, START.date()) == 1


def refused(change) -> bool:
    try:
        with transaction.atomic():
            change()
    except IntegrityError:
        return True
    return False


def test_the_database_keeps_plan_end_and_looks_as_they_were_written(mia):
    experiment = begin(mia)
    record_looks(at=START + DAY)
    mine = Experiment.objects.filter(id=experiment.id)

    assert refused(lambda: mine.update(least_effect=0.001))
    assert refused(lambda: mine.update(planned_days=1))
    assert refused(lambda: ExperimentLook.objects.update(figures={}))
    assert refused(lambda: ExperimentLook.objects.all().delete())
    end_experiment(experiment.id, end="keep", conclusion="", by=mia, at=NOON)
    assert refused(lambda: mine.update(end="adopt"))
    assert refused(lambda: mine.delete())


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_effect": 0.0}, {"least_effect": float("nan")}, {"least_effect": float("inf")}, {"alpha": 0.5},
        {"power": 1.0}, {"planned_days": 0}, {"looks": 21},
    ],
)  # fmt: skip
def test_the_database_refuses_a_plan_that_cannot_be_judged(mia, wrong):
    make_model("m-old", "champion")
    make_model("m-new")
    plan = ExperimentPlan(**vars(PLAN) | wrong)

    assert refused(lambda: start_experiment("m-new", 0.5, plan, by=mia, at=START))


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_one_starts_and_the_other_is_told():
    people = [make_user("manager", username=name) for name in ("mia", "carol")]
    make_model("m-old", "champion")
    models = [make_model(f"m-{number}").version for number in range(2)]
    together, told = Barrier(2), []

    def start(model, person):
        together.wait()
        try:
            start_experiment(model, 0.2, PLAN, by=person, at=START)
        except ExperimentRefusedError as error:
            told.append(str(error))
        finally:
            connection.close()

    threads = [Thread(target=start, args=pair) for pair in zip(models, people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    running = Experiment.objects.get()
    assert told == [f"Experiment {running.id} is running: end it first."]
    assert ModelVersion.objects.get(stage="challenger") == running.challenger


@pytest.mark.django_db(transaction=True)
def test_of_two_ends_at_once_one_stands():
    people = [make_user("manager", username=name) for name in ("mia", "carol")]
    experiment = begin(people[0])
    together, told = Barrier(2), []

    def end(how, person):
        together.wait()
        try:
            end_experiment(experiment.id, end=how, conclusion=how, by=person, at=START + timedelta(days=1))
        except ExperimentOverError as error:
            told.append(str(error))
        finally:
            connection.close()

    threads = [Thread(target=end, args=pair) for pair in zip(("adopt", "keep"), people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    experiment.refresh_from_db()
    assert told == ["The experiment is over already."]
    assert experiment.end == experiment.conclusion
    assert ModelEvent.objects.filter(action="returned").count() == 1
