"""Trainings from the asking to the end: one after the other, cancelled, lost, begun again, and never done twice."""

from datetime import timedelta

import pytest

from scoring.ml.reference import Reference
from scoring.models import Label, ModelVersion, TrainingRun
from scoring.services import trainings
from scoring.services.job_queue import MAX_ATTEMPTS
from scoring.services.models import load_model
from scoring.services.trainings import (
    SILENT_AFTER,
    CallOffError,
    TrainingRefusedError,
    TrainingRequest,
    abandon_training,
    cancel_training,
    claim_training,
    request_training,
    run_training,
    usual_request,
)
from tests.factories import DAY, HOUR, NOON, make_user
from tests.scoring.ml_data import make_dataset, record_decisions

pytestmark = pytest.mark.django_db
Status = TrainingRun.Status
FIRST = NOON - 20 * DAY


def record(rows: int = 1200) -> None:
    data = make_dataset(rows)
    decisions = record_decisions(data, first_at=FIRST)
    Label.objects.bulk_create(
        Label(decision=decision, label="fraud", source="chargeback", known_at=decision.occurred_at + DAY)
        for decision, label in zip(decisions, data.labels, strict=True)
        if label
    )


def ask(by=None, **overrides) -> TrainingRun:
    values = {"trained_from": FIRST, "trained_to": NOON, "labels_as_of": NOON, "maturity_days": 0}
    return request_training(TrainingRequest(**values | overrides), by=by, at=NOON)


def begin(at=NOON) -> TrainingRun:
    claimed = claim_training(at=at)
    assert claimed is not None
    return claimed


def run(claimed: TrainingRun, clock=lambda: NOON) -> TrainingRun:
    run_training(claimed.id, claimed.attempts, clock=clock)
    return again(claimed)


def again(asked: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(id=asked.id)


def test_a_training_makes_a_model_that_scores_and_says_all_that_is_known_of_it():
    record()
    mia = make_user("manager")
    ask(by=mia)

    done = run(begin())

    model = done.model
    assert (done.status, done.done, model.requested_by) == (Status.DONE, 1.0, mia)
    assert load_model(model).version == model.version
    assert model.dataset["rows"] == 1200
    assert model.dataset["label_sources"] == {"chargeback": {"fraud": model.dataset["labels"]["fraud"]}}
    assert len(model.dataset["sha256"]) == 64
    assert model.parameters["trees"] == model.metrics["trees"]
    low, high = model.metrics["intervals"]["average_precision"]
    assert low < model.metrics["average_precision"] < high
    reference = Reference.from_json(model.reference)
    assert reference.rows == 1200
    assert sum(reference.score.counts) == model.metrics["holdout_rows"]
    assert any("only because no label came within 0 days" in one for one in model.card["limits"])


@pytest.mark.parametrize(("maturity_days", "is_told"), [(0, False), (10, True)])
def test_a_card_says_where_the_newest_payments_are_not_known_yet(maturity_days, is_told):
    record()
    ask(maturity_days=maturity_days)
    run = begin()

    run_training(run.id, run.attempts, clock=lambda: NOON)

    told = [
        one for one in ModelVersion.objects.get().card["limits"] if "of the newest payments had no known label" in one
    ]
    assert bool(told) == is_told
    assert all("of the others 100.0% were fraud" in one for one in told)


def test_what_was_asked_first_runs_first_and_the_others_wait():
    first, second = ask(), ask()

    assert begin() == first
    assert claim_training(at=NOON) is None
    cancel_training(first.id, by=None, at=NOON)
    run(again(first))
    assert begin() == second


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"trained_from": NOON}, "trained_from"),
        ({"trained_from": NOON - 500 * DAY}, "trained_from"),
        ({"trained_from": NOON - 30_000 * DAY}, "trained_from"),
        ({"labels_as_of": NOON - DAY}, "labels_as_of"),
        ({"trials": 201}, "trials"),
        ({"trial_seconds": 0}, "trial_seconds"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_names_the_field(overrides, field):
    with pytest.raises(TrainingRefusedError) as refused:
        ask(**overrides)

    assert refused.value.field == field
    assert not TrainingRun.objects.exists()


def test_payments_and_labels_that_are_still_to_come_are_left_out():
    asked = ask(trained_to=NOON + 9 * DAY, labels_as_of=NOON + 9 * DAY)

    assert (asked.trained_to, asked.labels_as_of) == (NOON, NOON)


def test_by_default_it_learns_from_the_newest_payments_whose_labels_are_in():
    record(10)

    usual = usual_request(at=NOON, maturity_days=5)

    assert (usual.trained_from, usual.trained_to) == (FIRST, NOON - 5 * DAY)


def test_too_few_labels_fail_in_words_and_leave_no_model():
    ask()

    failed = run(begin())

    assert failed.status == Status.FAILED
    assert failed.error.startswith("Only 0 payments with a known label")
    assert "Record labels" in failed.error
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("words", ["Reading", "Measuring", "Training", "Writing"])
def test_a_cancelled_training_ends_at_its_next_step_and_leaves_no_model(monkeypatch, words):
    record()
    mia = make_user("manager")
    claimed = (ask(), begin())[1]
    told = trainings._Saying.__call__

    def cancel_then_say(self, step):
        if step.words.startswith(words):
            cancel_training(claimed.id, by=mia, at=NOON)
        told(self, step)

    monkeypatch.setattr(trainings._Saying, "__call__", cancel_then_say)

    ended = run(claimed, clock=iter_clock())

    assert (ended.status, ended.cancelled_by) == (Status.CANCELLED, mia)
    assert not ModelVersion.objects.exists()


def test_one_that_is_cancelled_at_the_very_end_leaves_no_model(monkeypatch):
    record()
    claimed = (ask(), begin())[1]
    learn = trainings.learn

    def learn_then_cancel(*arguments, **options):
        learnt = learn(*arguments, **options)
        cancel_training(claimed.id, by=None, at=NOON)
        return learnt

    monkeypatch.setattr(trainings, "learn", learn_then_cancel)

    assert run(claimed).status == Status.CANCELLED
    assert not ModelVersion.objects.exists()


def test_waiting_ones_are_cancelled_at_once_and_finished_ones_not_at_all():
    asked = ask()

    cancel_training(asked.id, by=None, at=NOON)

    assert again(asked).status == Status.CANCELLED
    with pytest.raises(CallOffError):
        cancel_training(asked.id, by=None, at=NOON)


def test_a_lost_attempt_is_begun_again_and_its_old_process_writes_nothing():
    record()
    ask()
    lost = begin()

    second = begin(at=NOON + SILENT_AFTER + timedelta(seconds=1))

    assert second.attempts == 2
    assert run(lost).status == Status.RUNNING
    assert not ModelVersion.objects.exists()
    assert run(second).status == Status.DONE


def test_one_that_is_lost_each_time_fails_and_says_why():
    asked = ask()

    for _ in range(MAX_ATTEMPTS):
        claimed = begin()
        abandon_training(claimed.id, claimed.attempts, words="The process that ran it was killed", at=NOON)

    assert again(asked).status == Status.FAILED
    assert again(asked).error == "The process that ran it was killed, 3 times. Try a shorter time."


def test_the_same_training_twice_is_one_model():
    record()
    ask()
    ask()

    first, second = run(begin()), run(begin())

    assert first.model == second.model
    assert ModelVersion.objects.count() == 1


def iter_clock():
    """An hour passes at each look, so that each step is said."""
    hours = iter(range(100_000))
    return lambda: NOON + next(hours) * HOUR
