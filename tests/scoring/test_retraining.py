"""Comparisons with the champion, and retraining by itself: when it is time, and what becomes of the model."""

import json
import threading
from datetime import timedelta

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from sklearn.metrics import average_precision_score

from scoring.ml.comparing import Scored, compare
from scoring.models import (
    DriftAlarm,
    ModelComparison,
    ModelEvent,
    ModelVersion,
    Retraining,
    RetrainingSettings,
    TrainingRun,
)  # fmt: skip
from scoring.services.comparisons import NotComparableError, compare_with_champion
from scoring.services.learning_settings import change_retraining_settings, retraining_settings
from scoring.services.retraining import ask_when_due, finish_what_ended, plan
from tests.factories import DAY, HOUR, make_user
from tests.scoring.drift_world import AT, FIRST, MIDNIGHT, TRAINED_TO, fitted, history, of_window, record, store

pytestmark = pytest.mark.django_db


def scored(*, better: float = 0.0, rows: int = 6000, seed: int = 1) -> Scored:
    """Ten payments a card; the model's scores know `better` more of the truth than the champion's."""
    chance = np.random.default_rng(seed)
    labels = (chance.random(rows) < 0.03).astype(np.int8)
    noise = chance.normal(0, 1, (2, rows))
    scores = 1 / (1 + np.exp(3 - np.array([[1.5 + better], [1.5]]) * labels - noise))
    amounts = chance.gamma(1.0, 50.0, rows)
    return Scored(labels, np.arange(rows) // 10, amounts, np.ones(rows, bool), scores[0], scores[1])


def test_figures_are_those_of_all_payments():
    data = scored(better=1.0)

    found = compare(data, flagged=180, resamples=50)

    assert found.average_precision.model == pytest.approx(average_precision_score(data.labels, data.scores))
    assert found.average_precision.champion == pytest.approx(average_precision_score(data.labels, data.champion_scores))
    behind = np.argsort(-data.scores)[180:]
    value = np.where(data.labels == 1, data.amounts, 0)
    assert found.missed.model == pytest.approx(value[behind].sum() / value.sum())
    assert found.average_precision.low > 0 > found.missed.high


def test_ties_count_as_one_place():
    data = scored()
    rounded = Scored(
        data.labels, data.cards, data.amounts, data.counts_amount, np.round(data.scores, 1), data.champion_scores
    )

    found = compare(rounded, flagged=180, resamples=10)

    assert found.average_precision.model == pytest.approx(average_precision_score(data.labels, rounded.scores))


def test_the_interval_of_models_alike_holds_zero_as_often_as_it_says():
    inside = 0
    for seed in range(60):
        figure = compare(scored(rows=3000, seed=seed), flagged=90, resamples=100, seed=seed).average_precision
        inside += figure.low <= 0 <= figure.high

    # 95 of 100; of 60 worlds at most 10 outside but for one time in a thousand.
    assert inside >= 50


def test_other_currencies_count_for_nothing_in_the_value():
    data = scored()
    foreign = Scored(data.labels, data.cards, data.amounts, np.zeros(6000, bool), data.scores, data.champion_scores)

    assert compare(foreign, flagged=180, resamples=5).missed is None


@pytest.fixture
def worlds():
    """The champion, and a model that knows nothing."""
    data = history()
    record(data)
    champion = store(data)
    learnt = data.where(~of_window(data))
    learnt.labels[:] = np.random.default_rng(1).permutation(learnt.labels)
    return data, champion, store(data, stage="candidate", version="noise", booster=fitted(learnt))


def matured(model: ModelVersion, **values) -> ModelComparison:
    return compare_with_champion(model, at=AT, maturity=timedelta(0), **values)


def test_both_are_scored_on_payments_that_neither_learnt_from(worlds):
    _, champion, noise = worlds
    mia = make_user("manager")

    found = matured(noise, by=mia)

    assert (found.model, found.champion, found.requested_by) == (noise, champion, mia)
    assert (found.since, found.until, found.labels_as_of) == (TRAINED_TO, AT, AT)
    assert found.figures["rows"] == 700
    assert found.is_worse
    assert "Against m1 on 700 payments" in found.words


def test_a_comparison_stays_as_it_is(worlds):
    found = matured(worlds[2])

    with pytest.raises(DatabaseError, match="stays on record"), transaction.atomic():
        ModelComparison.objects.filter(id=found.id).update(words="better")


def test_what_cannot_be_compared_says_what_is_missing(worlds, capsys):
    _, champion, noise = worlds

    with pytest.raises(NotComparableError, match="no other model that is champion"):
        matured(champion)
    with pytest.raises(NotComparableError, match="No payment is mature"):
        compare_with_champion(noise, at=AT, maturity=timedelta(days=30))
    with pytest.raises(NotComparableError, match="frauds are known among"):
        compare_with_champion(noise, at=TRAINED_TO + 2 * HOUR, maturity=timedelta(0))
    with pytest.raises(CommandError, match="There is no model x"):
        call_command("compare_models", "x")
    call_command("compare_models", "noise", "--maturity-days", "0", "--json")
    assert json.loads(capsys.readouterr().out)["champion"] == "m1"


# When it is time


@pytest.fixture
def enabled(db):
    retraining_settings()
    RetrainingSettings.objects.update(is_enabled=True, every_days=7, window_days=14, compare_days=5, maturity_days=0)


def champion_of(created_at):
    return store(history(a_day=30), created_at=created_at)


def past_run(*, days: float, status: str = "done") -> TrainingRun:
    return TrainingRun.objects.create(
        trained_from=FIRST,
        trained_to=TRAINED_TO,
        labels_as_of=AT,
        maturity_days=0,
        status=status,
        model=ModelVersion.objects.first() if status == "done" else None,
        created_at=AT - days * DAY,
    )


def test_it_is_off_until_somebody_turns_it_on():
    champion_of(AT - 100 * DAY)

    assert ask_when_due(at=AT) is None
    assert not TrainingRun.objects.exists()


@pytest.mark.usefixtures("enabled")
def test_a_training_is_asked_for_by_schedule_once():
    champion_of(AT - 8 * DAY)

    asked = ask_when_due(at=AT)

    assert ask_when_due(at=AT) is None
    run = TrainingRun.objects.get()
    assert (asked.run, run.reason, run.requested_by) == (run, "schedule", None)
    assert (run.trained_from, run.trained_to) == (MIDNIGHT - 19 * DAY, MIDNIGHT - 5 * DAY)
    assert (run.labels_as_of, run.maturity_days) == (AT, 0)


@pytest.mark.usefixtures("enabled")
def test_it_is_not_due_before_its_days_are_over():
    champion_of(AT - 6 * DAY)

    assert ask_when_due(at=AT) is None
    assert "due on 21 Nov 2026" in plan(retraining_settings(), at=AT).words


@pytest.mark.usefixtures("enabled")
def test_an_alarm_of_drift_asks_for_one_at_once_but_not_twice():
    model = champion_of(AT - 2 * DAY)
    DriftAlarm.objects.create(model=model, code="score", words="score: higher", opened_at=AT - DAY, seen_at=AT)

    asked = ask_when_due(at=AT)
    TrainingRun.objects.update(status="done", model=model, created_at=AT)
    Retraining.objects.update(outcome="kept", finished_at=AT)

    assert asked.run.reason == "drift"
    assert asked.words == "Drift since 19 Nov 2026: score: higher"
    assert ask_when_due(at=AT + DAY) is None


@pytest.mark.usefixtures("enabled")
def test_alarms_that_follow_each_other_ask_for_one_training_until_the_schedule_is_due():
    model = champion_of(AT - 2 * DAY)
    past_run(days=1)
    TrainingRun.objects.update(reason="drift")
    DriftAlarm.objects.create(model=model, code="score", words="score: higher", opened_at=AT - HOUR, seen_at=AT)

    assert ask_when_due(at=AT) is None
    assert plan(retraining_settings(), at=AT).words == "The next training by schedule is due on 26 Nov 2026."
    assert ask_when_due(at=AT + 6 * DAY) is not None


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("status", "days", "words"),
    [("waiting", 30, "A training is under way."), ("running", 30, "A training is under way."),
     ("failed", 6, "The last training failed: not again before 21 Nov 2026."),
     ("cancelled", 6, "The last training cancelled: not again before 21 Nov 2026.")],
)  # fmt: skip
def test_nothing_is_asked_for_beside_a_training_or_soon_after_a_failure(status, days, words):
    champion_of(AT - 100 * DAY)
    past_run(days=days, status=status)

    assert plan(retraining_settings(), at=AT).words == words
    assert ask_when_due(at=AT) is None


@pytest.mark.usefixtures("enabled")
def test_without_a_champion_a_person_trains_the_first():
    assert ask_when_due(at=AT) is None
    assert plan(retraining_settings(), at=AT).words.startswith("No model is champion")


def test_there_is_never_more_than_one_open_retraining(worlds):
    Retraining.objects.create(run=past_run(days=1), then="propose", words="")

    with pytest.raises(IntegrityError), transaction.atomic():
        Retraining.objects.create(run=past_run(days=1), then="propose", words="")


@pytest.mark.django_db(transaction=True)
def test_two_processes_ask_for_one(enabled):
    champion_of(AT - 8 * DAY)
    start = threading.Barrier(2)

    def ask() -> None:
        start.wait()
        try:
            ask_when_due(at=AT)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert TrainingRun.objects.count() == Retraining.objects.count() == 1


# What becomes of the model


def ended(model: ModelVersion | None, *, then: str = "propose", status: str = "done", error: str = "") -> Retraining:
    run = past_run(days=0, status="failed")
    TrainingRun.objects.filter(id=run.id).update(status=status, model=model, error=error)
    return Retraining.objects.create(run=run, then=then, words="7 days after the last training.")


def good_model(data, *, version: str = "m2") -> ModelVersion:
    return store(data, stage="candidate", version=version, booster=fitted(data.where(~of_window(data)), trees=40))


def test_a_model_that_is_not_worse_is_proposed_with_figures(worlds):
    model = good_model(worlds[0])
    asked = ended(model)

    done = finish_what_ended(at=AT)

    model.refresh_from_db()
    assert (done.id, done.outcome, done.finished_at) == (asked.id, "proposed", AT)
    assert (model.stage, model.proposed_at, model.proposed_by) == ("candidate", AT, None)
    note = ModelEvent.objects.get(model=model, action="proposed").note
    assert note.startswith("7 days after the last training. Against m1 on 700 payments")
    assert finish_what_ended(at=AT) is None
    assert ModelComparison.objects.count() == 1


def test_it_is_put_in_shadow_where_the_settings_say_so(worlds):
    model = good_model(worlds[0])
    ended(model, then="shadow")

    assert finish_what_ended(at=AT).outcome == "shadowed"
    model.refresh_from_db()
    assert (model.stage, model.proposed_at) == ("shadow", None)


def test_one_that_is_worse_stays_a_candidate_and_an_event_says_why(worlds):
    noise = worlds[2]
    ended(noise)

    done = finish_what_ended(at=AT)

    noise.refresh_from_db()
    assert (done.outcome, noise.stage, noise.proposed_at) == ("kept", "candidate", None)
    assert ModelEvent.objects.get(model=noise).note.startswith("Worse than the champion. Against m1")


def test_one_that_cannot_be_compared_is_not_proposed(worlds):
    data, champion, _ = worlds
    model = store(data, stage="candidate", version="late", trained_to=AT)
    ended(model)

    done = finish_what_ended(at=AT)

    assert done.outcome == "kept"
    assert "It was not compared with the champion: No payment is mature" in done.words


def test_a_training_that_failed_is_over_and_says_so(worlds):
    ended(None, status="failed", error="Only 3 fraud labels are known.")

    done = finish_what_ended(at=AT)

    assert (done.outcome, done.words) == (
        "failed", "7 days after the last training. Only 3 fraud labels are known.",
    )  # fmt: skip


def test_while_it_trains_nothing_is_judged(worlds):
    ended(None, status="running")

    assert finish_what_ended(at=AT) is None


def test_a_change_of_settings_says_who_made_it():
    mia = make_user("manager")

    change_retraining_settings({"is_enabled": True, "every_days": 3}, by=mia, at=AT)

    found = retraining_settings()
    assert (found.is_enabled, found.every_days, found.changed_by, found.changed_at) == (True, 3, mia, AT)
