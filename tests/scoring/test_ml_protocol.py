"""The protocol: which payments are tested, and what a fold reports."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.features.definitions import DAY, NAMES
from scoring.ml.datasets import UNKNOWN, Dataset
from scoring.ml.protocol import Fold, Thresholds, evaluate, rows_to_test
from scoring.ml.training import TrainingImpossibleError
from tests.scoring.ml_data import START, make_dataset

FOLD = Fold(START, train_days=7, delay_days=7, test_days=7)
THRESHOLDS = Thresholds(review=0.3, decline=0.7)


def payments(*rows: tuple[float, int, int]) -> Dataset:
    """Payments as (day of the fold, card, label)."""
    days, cards, labels = (np.array(column) for column in zip(*rows, strict=True))
    return Dataset(
        vectors=np.zeros((len(rows), len(NAMES)), np.float32),
        labels=labels.astype(np.int8),
        occurred_at=START + days * DAY,
        cards=cards,
        amounts=np.ones(len(rows)),
        currencies=np.full(len(rows), "EUR"),
    )


def test_only_the_test_days_are_tested():
    truth = payments((0, 1, 0), (6.9, 2, 0), (7, 3, 0), (13.99, 4, 0), (14, 5, 0), (20.99, 6, 0), (21, 7, 0))

    assert rows_to_test(FOLD, truth).tolist() == [False, False, False, False, True, True, False]


@pytest.mark.parametrize(
    ("fraud_day", "tested_days"),
    [
        (0, []),
        (6.9, []),
        # Its label is a week old on day 15.
        (7, [14]),
        (9.5, [14, 15, 16]),
        (12, [14, 15, 16, 17, 18, 19]),
        (13, [14, 15, 16, 17, 18, 19, 20]),
    ],
)
def test_a_card_leaves_the_test_once_its_fraud_is_known(fraud_day, tested_days):
    later = [(day + 0.5, 1, 0) for day in range(14, 21)]

    is_tested = rows_to_test(FOLD, payments((fraud_day, 1, 1), *later))

    assert [day for day, tested in zip(range(14, 21), is_tested[1:], strict=True) if tested] == tested_days


def test_a_fraud_of_another_card_or_before_the_training_days_keeps_nobody_out():
    truth = payments((3, 2, 1), (5, 1, 0), (14.5, 1, 0))

    assert rows_to_test(FOLD, truth).tolist() == [False, False, True]


def test_longer_training_is_measured_on_the_same_payments():
    longer = Fold(START - 21 * DAY, train_days=28, delay_days=7, test_days=7)
    truth = payments((-15, 1, 1), (-0.5, 2, 1), (3, 3, 1), (15.5, 1, 0), (15.5, 2, 0), (15.5, 3, 0))

    assert (
        rows_to_test(longer, truth).tolist() == rows_to_test(FOLD, truth).tolist() == [False] * 3 + [True] * 2 + [False]
    )


def test_the_first_fraud_counts_where_a_card_has_several():
    truth = payments((15, 1, 1), (8, 1, 1), (14.5, 1, 0), (16.5, 1, 0))

    assert rows_to_test(FOLD, truth).tolist() == [True, False, True, False]


def test_a_fold_reports_ranking_threshold_and_money():
    truth = make_dataset(4000, days=21)
    training = truth.where(truth.occurred_at < FOLD.train_end)

    report = evaluate(FOLD, training, truth, thresholds=THRESHOLDS, seed=1)

    assert report["train_rows"] == len(training)
    assert report["test_rows"] == int(rows_to_test(FOLD, truth).sum())
    assert report["auc_roc"] > 0.8
    assert set(report["money"]) == {"review", "decline"}
    review, decline = (report["money"][name]["EUR"] for name in ("review", "decline"))
    assert float(review["fraud_caught"]) >= float(decline["fraud_caught"])
    assert float(review["fraud_caught"]) + float(review["fraud_missed"]) == pytest.approx(
        float(decline["fraud_caught"]) + float(decline["fraud_missed"]), abs=0.02
    )


def test_a_payment_nobody_labelled_is_legitimate_in_the_test():
    truth = make_dataset(4000, days=21)
    training = truth.where(truth.occurred_at < FOLD.train_end)
    unlabelled = replace(truth, labels=np.where(truth.labels == 0, UNKNOWN, truth.labels).astype(np.int8))

    reports = [evaluate(FOLD, training, each, thresholds=THRESHOLDS, seed=1) for each in (truth, unlabelled)]

    assert reports[0] == reports[1]


def test_test_days_without_fraud_are_said_to_have_none():
    truth = make_dataset(4000, days=21)
    training = truth.where(truth.occurred_at < FOLD.train_end)
    quiet = replace(truth, labels=np.where(truth.occurred_at < FOLD.test_start, truth.labels, 0).astype(np.int8))

    with pytest.raises(TrainingImpossibleError, match="0 of .* payments to test on are fraud"):
        evaluate(FOLD, training, quiet, thresholds=THRESHOLDS, seed=1)
