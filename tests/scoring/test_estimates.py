"""What a random sample says of all payments: tried on worlds whose truth is known."""

import numpy as np
import pytest

from scoring.estimates import Estimate, Sample, fraud_rate_of, frauds_of, recall_of

WORLDS = 1_500


def worlds(seed):
    """Approved payments of random worlds: frauds from a handful to hundreds, chances that change in the day."""
    chance = np.random.default_rng(seed)
    for _ in range(WORLDS):
        size = int(chance.integers(5_000, 30_000))
        frauds = int(size * chance.uniform(0.002, 0.03))
        is_fraud = np.zeros(size, bool)
        is_fraud[chance.choice(size, frauds, replace=False)] = True
        # A busy day is thinned half way through.
        chances = np.full(size, chance.uniform(0.02, 0.05))
        chances[size // 2 :] /= chance.choice([1, 2, 4])
        drawn = chance.random(size) < chances
        reviewed = chance.random(int(drawn.sum())) < chance.uniform(0.6, 1.0)
        yield chance, is_fraud, Sample(chances[drawn], is_fraud[drawn], reviewed)


def covers(estimate, truth):
    return estimate is not None and estimate.low <= truth <= estimate.high


def test_the_interval_of_recall_holds_the_truth_95_times_of_100():
    held, by_few, held_by_few, plug_in = 0, 0, 0, 0
    for chance, is_fraud, sample in worlds(seed=1):
        missed = int(is_fraud.sum())
        caught = int(missed * chance.uniform(0.2, 4))
        truth = caught / (caught + missed)
        is_held = covers(recall_of(caught, known_missed=0, sample=sample), truth)
        held += is_held
        if missed <= 100:
            by_few, held_by_few = by_few + 1, held_by_few + is_held
        # What a desk without weights would say: the frauds it knows of.
        share = caught / (caught + sample.frauds)
        reach = 1.96 * np.sqrt(share * (1 - share) / (caught + sample.frauds))
        plug_in += covers(Estimate(share, share - reach, share + reach), truth)

    assert 0.93 <= held / WORLDS <= 0.97
    assert by_few > 200
    assert 0.93 <= held_by_few / by_few <= 0.97
    assert plug_in / WORLDS < 0.05


def test_frauds_that_are_known_for_certain_are_not_asked_of_the_sample():
    held = 0
    for chance, is_fraud, sample in worlds(seed=2):
        reported, caught = int(chance.integers(0, 200)), int(chance.integers(20, 400))
        truth = caught / (caught + reported + is_fraud.sum())
        held += covers(recall_of(caught, known_missed=reported, sample=sample), truth)

    assert 0.93 <= held / WORLDS <= 0.97


def test_the_interval_of_the_fraud_rate_holds_the_truth_95_times_of_100():
    held = sum(covers(fraud_rate_of(sample), is_fraud.mean()) for _, is_fraud, sample in worlds(seed=3))
    near = 0
    for _, is_fraud, sample in worlds(seed=3):
        # Each fraud counted once, as if none stood for others.
        skewed = Sample(np.where(sample.is_fraud, 1.0, sample.chances), sample.is_fraud, sample.is_reviewed)
        found = fraud_rate_of(skewed)
        assert found is not None
        near += found.value > is_fraud.mean() / 2

    assert 0.93 <= held / WORLDS <= 0.97
    assert near / WORLDS < 0.1


@pytest.mark.parametrize("frauds", [570, 750, 1_200, 2_500])
def test_few_frauds_of_little_weight_do_not_promise_too_much_of_thinned_days(frauds):
    """A fifth of the payments is drawn before the cap, the rest with a quarter of the chance."""
    chance = np.random.default_rng(frauds)
    sizes, chances = np.array([20_000, 80_000]), np.array([0.01, 0.0025])
    truth = np.array([frauds // 5, frauds - frauds // 5])
    too_low = 0
    for _ in range(1_000):
        bad, good = chance.binomial(truth, chances), chance.binomial(sizes - truth, chances)
        of_each = np.concatenate([np.repeat(chances, bad), np.repeat(chances, good)])
        sample = Sample(of_each, np.arange(len(of_each)) < bad.sum(), np.ones(len(of_each), bool))
        found, rate = frauds_of(sample), fraud_rate_of(sample)
        assert found is not None
        assert rate is not None
        too_low += found.high < frauds or rate.high < frauds / sizes.sum()

    assert too_low / 1_000 <= 0.04


def test_weights_are_one_by_chance():
    sample = Sample(np.array([0.01, 0.02, 0.05]), np.array([True, True, False]), np.array([True, True, True]))

    found = frauds_of(sample)

    assert found is not None
    assert found.value == pytest.approx(150)
    assert found.low < 60
    assert found.high > 300


def test_who_is_not_reviewed_yet_is_stood_for_by_the_others():
    reviewed = np.array([True, True, False, False])
    sample = Sample(np.full(4, 0.01), np.array([True, False, True, True]), reviewed)

    found = frauds_of(sample)

    assert found is not None
    assert found.value == pytest.approx(200)
    assert (sample.reviewed, sample.frauds) == (2, 1)


def test_no_fraud_found_says_how_many_there_may_be_at_most():
    sample = Sample(np.full(300, 0.01), np.zeros(300, bool), np.ones(300, bool))

    found = frauds_of(sample)

    assert found is not None
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(3.84 * 99, rel=0.01)


def test_a_payment_that_was_certain_to_be_drawn_leaves_no_doubt():
    sample = Sample(np.ones(10), np.arange(10) < 3, np.ones(10, bool))

    assert frauds_of(sample) == Estimate(3, 3, 3)
    assert fraud_rate_of(sample) == Estimate(0.3, 0.3, 0.3)
    assert recall_of(7, known_missed=0, sample=sample) == Estimate(0.7, 0.7, 0.7)


def test_of_nothing_reviewed_nothing_is_said():
    nothing = Sample(np.array([0.01]), np.array([True]), np.array([False]))

    assert frauds_of(nothing) is None
    assert fraud_rate_of(nothing) is None
    assert recall_of(5, known_missed=0, sample=nothing) is None


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.5])
def test_what_could_not_be_drawn_has_no_weight(chance):
    with pytest.raises(ValueError, match="above 0"):
        Sample(np.array([chance]), np.array([True]), np.array([True]))
