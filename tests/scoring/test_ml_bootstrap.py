"""Intervals of figures: cards drawn again."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from scoring.ml.bootstrap import Ranked


def world(seed: int, *, cards: int = 200, each: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and cards; a card's payments are of one kind, and their scores alike."""
    chance = np.random.default_rng(seed)
    is_bad = chance.random(cards) < 0.15
    own = chance.normal(is_bad * 1.5, 1.0)
    cards_of = np.repeat(np.arange(cards), each)
    labels = (is_bad[cards_of] & (chance.random(cards * each) < 0.8)).astype(np.int8)
    return labels, own[cards_of] + chance.normal(0, 0.1, cards * each), cards_of


def test_figures_are_those_of_scikit_learn_also_with_ties():
    labels, scores, cards = world(1)
    scores = np.round(scores, 1)

    found = Ranked(labels, scores, cards).figures()

    assert found["average_precision"] == pytest.approx(average_precision_score(labels, scores))
    assert found["auc_roc"] == pytest.approx(roc_auc_score(labels, scores))


def test_precision_and_recall_at_the_alert_share():
    scores = np.linspace(1, 0, 1000)
    labels = np.zeros(1000, np.int8)
    labels[[0, 1, 2, 3, 500]] = 1

    found = Ranked(labels, scores, np.arange(1000)).figures()

    assert (found["precision_at_alerts"], found["recall_at_alerts"]) == (0.4, 0.8)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    truth = np.mean([roc_auc_score(*world(seed, cards=5000)[:2]) for seed in range(900, 905)])

    hits = 0
    for seed in range(60):
        low, high = Ranked(*world(seed)).intervals(seed=seed, resamples=100)["auc_roc"]
        hits += low <= truth <= high

    # 95 of 100 are meant; of sixty worlds, fewer than 50 come by chance once in 10,000 times.
    assert hits >= 50


def test_drawing_payments_instead_of_cards_would_be_too_sure():
    labels, scores, cards = world(3)

    by_card = Ranked(labels, scores, cards).intervals(seed=1)["average_precision"]
    by_payment = Ranked(labels, scores, np.arange(len(cards))).intervals(seed=1)["average_precision"]

    assert np.diff(by_card)[0] > 1.5 * np.diff(by_payment)[0]


def test_the_same_seed_gives_the_same_interval_and_one_class_gives_none():
    labels, scores, cards = world(4)
    ranked = Ranked(labels, scores, cards)

    assert ranked.intervals(seed=1, resamples=20) == ranked.intervals(seed=1, resamples=20)
    assert Ranked(np.zeros_like(labels), scores, cards).intervals(seed=1, resamples=5) == {}
