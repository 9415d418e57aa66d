"""Training: what it needs, that it repeats, and that it finds nothing where there is nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scoring.features.definitions import INDEX
from scoring.ml import model as ml
from scoring.ml import training
from scoring.ml.calibrating import fit_calibration, unseen_by_line
from scoring.ml.card import card_of, intervals_of, limits
from scoring.ml.datasets import UNKNOWN, split_by_time, thinned
from scoring.ml.metrics import calibration, ranking
from scoring.ml.training import (
    PARAMETERS,
    TREES,
    Budget,
    Step,
    TrainingImpossibleError,
    train,
)
from tests.scoring.ml_data import make_dataset


def test_a_model_finds_what_is_there():
    trained = train(make_dataset(9000), seed=1, threads=1)
    unseen = make_dataset(9000, seed=2)

    figures = ranking(unseen.labels, ml.margins(trained.booster, unseen.vectors))

    assert figures["auc_roc"] > 0.85
    assert trained.metrics["average_precision"] == pytest.approx(figures["average_precision"], abs=0.15)


def test_permuted_labels_rank_no_better_than_chance():
    data, unseen = make_dataset(3000), make_dataset(6000, seed=2)
    found = []
    for seed in range(4):
        permuted = replace(data, labels=np.random.default_rng(seed).permutation(data.labels))
        trained = train(permuted, seed=1, threads=1)
        found.append(ranking(unseen.labels, ml.margins(trained.booster, unseen.vectors))["auc_roc"])

    # One permutation lies up to 0.1 on either side, by what a hundred frauds have in common by accident.
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


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


def test_a_calibration_is_judged_by_later_payments_than_it_was_fitted_to():
    """The odds of fraud triple in the second half: a line through both halves has the right mean all the same."""
    chance = np.random.default_rng(1)
    margin = chance.normal(-3, 2, 6000)
    odds = np.where(np.arange(6000) < 3000, 0.0, 1.1)
    labels = (chance.random(6000) < 1 / (1 + np.exp(-margin - odds))).astype(np.int8)
    line = fit_calibration(3.0 * margin + 1.0, labels)

    seen = calibration(labels, ml.calibrated(3.0 * margin + 1.0, *line))
    later, scores = unseen_by_line(3.0 * margin + 1.0, labels, line)

    assert line != (1.0, 0.0)
    assert np.array_equal(later, labels[3000:])
    assert calibration(later, scores)["expected_calibration_error"] > 3 * seen["expected_calibration_error"]
    _, again = unseen_by_line(3.0 * margin + 1.0, np.concatenate([labels[:3000], 1 - later]), line)
    assert np.array_equal(again, scores)


def test_margins_that_stay_as_they_are_are_judged_by_all():
    margin, labels = np.linspace(-2, 2, 100), np.tile(np.array([0, 1], np.int8), 50)

    later, scores = unseen_by_line(margin, labels, (1.0, 0.0))

    assert (len(later), len(scores)) == (100, 100)


@pytest.mark.usefixtures("few_trees")
def test_the_calibration_that_is_told_is_that_of_later_payments():
    trained = train(make_dataset(6000), seed=1, threads=1)

    heldout = trained.heldout
    assert trained.slope != 1.0
    assert len(heldout.unseen_labels) == len(heldout.payments) - len(heldout.payments) // 2
    told = calibration(heldout.unseen_labels, heldout.unseen_scores)
    assert {name: trained.metrics[name] for name in told} == told
    points = card_of(trained, make_dataset(6000), seed=1)["calibration"]
    assert sum(rows for *_, rows in points) == trained.metrics["calibration_rows"] == len(heldout.unseen_labels)


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


def test_trees_that_help_no_more_are_not_grown():
    data = make_dataset(6000)
    noise = replace(data, labels=np.random.default_rng(3).permutation(data.labels))

    learnt, made_up = train(data, seed=1, threads=1), train(noise, seed=1, threads=1)

    # From a base score of 0.5 it takes some sixty trees to come down to the share of fraud.
    assert made_up.parameters["trees"] < 100 < learnt.parameters["trees"] <= TREES
    assert learnt.booster.num_boosted_rounds() == learnt.metrics["trees"]


def test_with_few_frauds_the_measured_number_of_trees_is_taken():
    data = make_dataset(3000)
    few = np.where(np.cumsum(data.labels) > 40, 0, data.labels).astype(np.int8)

    assert train(replace(data, labels=few), seed=1, threads=1).parameters["trees"] == TREES


def test_the_held_out_part_is_the_newest_and_scored_by_trees_that_had_not_seen_it():
    data = make_dataset(4000)

    heldout = train(data, seed=1, threads=1).heldout

    assert heldout.payments.occurred_at.min() > data.occurred_at[3190]
    assert (len(heldout.scores), heldout.learnt_from) == (len(heldout.payments), 4000 - len(heldout.payments))


def test_many_rows_are_measured_on_some_of_the_cards(monkeypatch):
    monkeypatch.setattr(training, "MEASURED_ROWS", 1000)

    trained = train(make_dataset(4000), seed=1, threads=1)

    assert 700 < trained.heldout.learnt_from < 1300
    assert trained.metrics["rows"] == 4000
    assert any("The trees that were measured learnt from" in one for one in limits(trained, make_dataset(4000)))


def test_thinning_keeps_whole_cards_and_the_same_ones():
    data = make_dataset(6000)

    some = thinned(data, 2000)

    assert 1700 < len(some) < 2300
    assert not np.isin(some.cards, np.setdiff1d(data.cards, some.cards)).any()
    assert len(some) == np.isin(data.cards, some.cards).sum()


@pytest.fixture
def few_trees(monkeypatch):
    """A search grows hundreds of them for each setting."""
    monkeypatch.setattr(training, "TREES", 30)


@pytest.mark.usefixtures("few_trees")
def test_progress_rises_to_its_end_and_what_it_raises_ends_the_training():
    heard: list[Step] = []
    train(make_dataset(), seed=1, threads=1, progress=heard.append, budget=Budget(trials=2))

    shares = [step.done for step in heard]
    assert shares == sorted(shares)
    assert 0.0 < shares[0] < 0.01
    assert shares[-1] == pytest.approx(0.9)
    assert "Trying settings, 2 of at most 2" in {step.words for step in heard}

    def stop(step: Step) -> None:
        if step.done > 0.65:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_dataset(), seed=1, threads=1, progress=stop)


@pytest.mark.usefixtures("few_trees")
def test_settings_are_searched_without_the_newest_part_and_the_products_own_come_first():
    data = make_dataset(3000)
    other = replace(data, labels=np.where(np.arange(3000) >= 2400, 1 - data.labels, data.labels).astype(np.int8))

    first, turned = (train(one, seed=1, threads=1, budget=Budget(trials=2)).trials for one in (data, other))

    assert first == turned
    assert len(first) == 2
    # XGBoost's own where the product says nothing.
    assert first[0]["parameters"] == {"min_child_weight": 1.0} | {
        name: PARAMETERS[name] for name in ("max_depth", "eta", "subsample", "colsample_bytree", "lambda")
    }


@pytest.mark.usefixtures("few_trees")
def test_the_best_of_the_settings_is_taken():
    trained = train(make_dataset(3000), seed=1, threads=1, budget=Budget(trials=3))

    best = max(trained.trials, key=lambda one: one["average_precision"])
    assert {name: trained.parameters[name] for name in best["parameters"]} == best["parameters"]


@pytest.mark.usefixtures("few_trees")
def test_a_budget_of_seconds_ends_the_search_after_the_trial_in_hand():
    trained = train(make_dataset(3000), seed=1, threads=1, budget=Budget(trials=50, seconds=0.01))

    assert len(trained.trials) == 1


@pytest.mark.usefixtures("few_trees")
def test_too_few_frauds_to_compare_leave_the_products_own_settings():
    data = make_dataset(3000)
    late = np.where(np.arange(3000) < 2300, 0, data.labels).astype(np.int8)

    trained = train(replace(data, labels=late), seed=1, threads=1, budget=Budget(trials=5))

    assert trained.trials == ()
    assert trained.parameters["eta"] == PARAMETERS["eta"]


def test_a_card_says_how_good_the_model_is_for_whom_and_what_it_leans_on():
    data = make_dataset(6000)
    data.vectors[:, INDEX["is_remote"]] = np.arange(6000) % 2
    trained = train(data, seed=1, threads=1)

    card = card_of(trained, data, seed=1)

    assert [one["feature"] for one in card["importance"][:2]] in (
        ["amount", "merchant_fraud_rate_7d"],
        ["merchant_fraud_rate_7d", "amount"],
    )
    assert sum(one["gain"] for one in card["importance"]) == pytest.approx(1.0)
    effects = next(one["effects"] for one in card["importance"] if one["feature"] == "merchant_fraud_rate_7d")
    assert len(effects["legitimate"]) == 40
    mean = {kind: np.mean([effect for _, effect in dots]) for kind, dots in effects.items()}
    assert mean["fraud"] > 0 > mean["legitimate"]
    assert all(place is None or 0 <= place <= 1 for dots in effects.values() for place, _ in dots)
    held = trained.metrics["holdout_rows"]
    for kind in ("Amount", "Channel", "Card"):
        assert sum(one["rows"] for one in card["segments"] if one["kind"] == kind) == held
    remote = next(one for one in card["segments"] if one["name"] == "online or by phone")
    assert remote["intervals"]["auc_roc"][0] <= remote["auc_roc"] <= remote["intervals"]["auc_roc"][1]
    assert sum(card["scores"]["legitimate"]) + sum(card["scores"]["fraud"]) == held
    assert card["precision_recall"][-1][0] == 1.0
    json.dumps(card)


def test_a_card_without_a_held_out_part_says_so():
    data = make_dataset(3000)
    early = replace(data, labels=np.where(np.arange(3000) < 2300, data.labels, 0).astype(np.int8))
    trained = train(early, seed=1, threads=1)

    card = card_of(trained, early, seed=1)

    assert trained.heldout is None
    assert card["segments"] == card["calibration"] == card["precision_recall"] == []
    assert "how good it is is not known" in card["limits"][0]
    assert intervals_of(trained, seed=1) == {}


@pytest.mark.parametrize("trials", [0, 2])
@pytest.mark.usefixtures("few_trees")
def test_payments_of_one_moment_are_learnt_from_and_measured_on_nothing(trials):
    data = make_dataset(1000)
    at_once = replace(data, occurred_at=np.full(1000, data.occurred_at[0]))

    trained = train(at_once, seed=1, threads=1, budget=Budget(trials=trials))

    assert trained.heldout is None
    assert len(card_of(trained, at_once, seed=1)["importance"]) > 0
