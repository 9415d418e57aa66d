"""Metrics against values worked out by hand."""

import numpy as np
import pytest

from scoring.ml import metrics

LABELS = np.array([0, 0, 1, 1], np.int8)
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def test_ranking_by_hand():
    # Of 4 pairs of a fraud and a legitimate one, 3 are in order. Precision at the frauds: 1/1, then 2/3.
    assert metrics.ranking(LABELS, SCORES) == {
        "auc_roc": pytest.approx(0.75),
        "average_precision": pytest.approx((1 + 2 / 3) / 2),
    }


def test_precision_recall_and_f1_by_hand():
    assert metrics.at_threshold(LABELS, SCORES, 0.35) == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(1.0),
        "f1": pytest.approx(0.8),
    }


def test_a_threshold_that_stops_nothing_has_zeros():
    assert metrics.at_threshold(LABELS, SCORES, 0.9) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_brier_and_calibration_error_by_hand():
    labels = np.array([0, 1, 0, 1] * 10, np.int8)
    probabilities = np.full(40, 0.3)

    figures = metrics.calibration(labels, probabilities)

    # 20 bins of 2 payments, each half fraud where 0.3 was said.
    assert figures["expected_calibration_error"] == pytest.approx(0.2)
    assert figures["brier"] == pytest.approx((0.3**2 + 0.7**2) / 2)


def test_card_precision_counts_cards_not_payments():
    days = np.zeros(5, np.int64)
    cards = np.array([1, 1, 2, 3, 4])
    labels = np.array([1, 1, 0, 1, 0], np.int8)
    scores = np.array([0.9, 0.8, 0.7, 0.1, 0.2])

    # The two riskiest cards are 1 (fraud) and 2.
    assert metrics.card_precision_at_k(days, cards, labels, scores, k=2) == pytest.approx(0.5)


def test_a_card_takes_its_highest_score_of_the_day():
    days = np.zeros(3, np.int64)
    cards = np.array([1, 1, 2])
    labels = np.array([1, 0, 0], np.int8)
    scores = np.array([0.1, 0.9, 0.5])

    assert metrics.card_precision_at_k(days, cards, labels, scores, k=1) == pytest.approx(1.0)


def test_a_card_caught_leaves_the_days_after():
    days = np.array([0, 0, 1, 1, 1])
    cards = np.array([1, 2, 1, 3, 2])
    labels = np.array([1, 0, 1, 1, 0], np.int8)
    scores = np.array([0.9, 0.5, 0.9, 0.8, 0.7])

    # Day 0 catches card 1. On day 1 it no longer takes the place of card 3.
    assert metrics.card_precision_at_k(days, cards, labels, scores, k=1) == pytest.approx(1.0)


def test_a_card_missed_stays():
    days = np.array([0, 0, 1, 1])
    cards = np.array([1, 2, 1, 2])
    labels = np.array([1, 0, 1, 0], np.int8)
    scores = np.array([0.1, 0.5, 0.9, 0.5])

    assert metrics.card_precision_at_k(days, cards, labels, scores, k=1) == pytest.approx(0.5)


def test_fewer_cards_than_places_still_divide_by_the_places():
    one = np.array([0]), np.array([7]), np.array([1], np.int8), np.array([0.5])

    assert metrics.card_precision_at_k(*one, k=100) == pytest.approx(0.01)


def test_money_is_summed_by_currency_and_never_mixed():
    amounts = np.array([10.0, 20.5, 30.25, 40.0])
    stopped = np.array([False, True, False, True])

    sums = metrics.money(LABELS, stopped, amounts, ["EUR", "EUR", "EUR", "USD"])

    assert sums == {
        "EUR": {"fraud_caught": "0.00", "fraud_missed": "30.25", "legitimate_stopped": "20.50"},
        "USD": {"fraud_caught": "40.00", "fraud_missed": "0.00", "legitimate_stopped": "0.00"},
    }


def test_means_and_deviations_take_the_numbers_only():
    folds = [{"from": "a", "f1": 0.2, "money": {}}, {"from": "b", "f1": 0.4, "money": {}}]

    assert metrics.mean_of(folds) == {"f1": pytest.approx(0.3)}
    assert metrics.deviation_of(folds) == {"f1": pytest.approx(0.1)}
