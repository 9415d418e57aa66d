"""Training: what it needs, that it repeats, and that it finds nothing where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.ml import model as ml
from scoring.ml.datasets import UNKNOWN, split_by_time
from scoring.ml.metrics import calibration, ranking
from scoring.ml.training import TrainingImpossibleError, fit_calibration, train
from tests.scoring.ml_data import make_dataset


def test_a_model_finds_what_is_there():
    trained = train(make_dataset(9000), seed=1, threads=1)
    unseen = make_dataset(9000, seed=2)

    figures = ranking(unseen.labels, ml.margins(trained.booster, unseen.vectors))

    assert figures["auc_roc"] > 0.85
    assert trained.metrics["average_precision"] == pytest.approx(figures["average_precision"], abs=0.15)


def test_permuted_labels_rank_no_better_than_chance():
    data, unseen = make_dataset(6000), make_dataset(6000, seed=2)
    permuted = replace(data, labels=np.random.default_rng(3).permutation(data.labels))

    trained = train(permuted, seed=1, threads=1)

    figures = ranking(unseen.labels, ml.margins(trained.booster, unseen.vectors))
    assert figures["average_precision"] == pytest.approx(unseen.labels.mean(), abs=0.02)


def test_the_same_rows_and_seed_give_the_same_model():
    first, second = (train(make_dataset(), seed=1, threads=1) for _ in range(2))

    assert ml.save(first.booster) == ml.save(second.booster)
    assert (first.slope, first.intercept) == (second.slope, second.intercept)


def test_rows_without_a_known_label_teach_nothing():
    data = make_dataset()
    hidden = np.arange(len(data)) % 3 == 0
    partly = replace(data, labels=np.where(hidden, UNKNOWN, data.labels).astype(np.int8))

    trained = train(partly, seed=1, threads=1)

    assert trained.metrics["rows"] == int((~hidden).sum())
    assert ml.save(trained.booster) == ml.save(train(data.where(~hidden), seed=1, threads=1).booster)


def test_the_holdout_is_the_newest_part_of_the_time():
    older, newer = split_by_time(make_dataset(), 0.2)

    assert older.occurred_at.max() < newer.occurred_at.min()
    assert len(newer) == pytest.approx(600, abs=1)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (0, "No fraud label"),
        (1, "All known labels are fraud"),
        (UNKNOWN, "Only 0 payments with a known label"),
    ],
)
def test_training_without_both_classes_says_what_is_missing(labels, message):
    data = make_dataset()

    with pytest.raises(TrainingImpossibleError, match=message):
        train(replace(data, labels=np.full(len(data), labels, np.int8)), seed=1)


def test_training_on_a_handful_of_payments_is_refused():
    with pytest.raises(TrainingImpossibleError, match="Only 100 payments"):
        train(make_dataset(100), seed=1)


def test_training_on_a_handful_of_frauds_is_refused():
    data = make_dataset()
    few = np.zeros(len(data), np.int8)
    few[:9] = 1

    with pytest.raises(TrainingImpossibleError, match="Only 9 fraud labels"):
        train(replace(data, labels=few), seed=1)


def test_overconfident_margins_are_calibrated():
    chance = np.random.default_rng(1)
    margin = chance.normal(0, 2, 5000)
    labels = (chance.random(5000) < 1 / (1 + np.exp(-margin))).astype(np.int8)

    slope, intercept = fit_calibration(3.0 * margin + 1.0, labels)

    assert slope == pytest.approx(1 / 3, abs=0.03)
    figures = calibration(labels, ml.calibrated(3.0 * margin + 1.0, slope, intercept))
    assert figures["expected_calibration_error"] < 0.03


def test_margins_stay_as_they_are_with_few_frauds_or_without_gain():
    chance = np.random.default_rng(1)
    margin = chance.normal(-4, 1, 3000)
    few = np.zeros(3000, np.int8)
    few[::150] = 1

    assert fit_calibration(margin, few) == (1.0, 0.0)
    assert fit_calibration(np.zeros(400), np.tile(np.array([0, 1], np.int8), 200)) == (1.0, 0.0)


def test_a_line_that_would_turn_the_order_is_not_used():
    margin = np.linspace(-2, 2, 400)
    alternating = np.tile(margin, 2)

    assert fit_calibration(alternating, (alternating < 0).astype(np.int8)) == (1.0, 0.0)
