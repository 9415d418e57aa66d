"""Two arms compared: against textbook figures, and against scipy where a card has one payment."""

from math import inf

import numpy as np
import pytest
from scipy import stats

from scoring.ml.experiments.comparing import CardSums, compare, share_mismatch, two_proportions


def test_with_one_payment_a_card_it_is_welchs_t_test():
    chance = np.random.default_rng(3)
    first, second = chance.gamma(0.5, 20.0, 400), chance.gamma(0.5, 26.0, 90)

    found = compare(CardSums.of(first, np.ones(400)), CardSums.of(second, np.ones(90)))

    expected = stats.ttest_ind(second, first, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.freedom == pytest.approx(expected.df, rel=1e-9)
    assert found.interval(0.05) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-9)


def test_payments_of_one_card_count_as_little_as_they_resemble_each_other():
    alone = CardSums.of([1, 0, 0, 0] * 100, [1] * 400)
    repeated = CardSums.of([4, 0, 0, 0] * 100, [4] * 400)

    assert repeated.ratio == alone.ratio == 0.25
    # Four payments of a card that say one and the same are one.
    assert repeated.variance == pytest.approx(alone.variance, rel=1e-9)
    assert repeated.unit_variance == pytest.approx(4 * alone.unit_variance, rel=1e-9)


def test_sums_of_different_cards_add_up():
    whole = CardSums.of([1.5, 0, 3, 2], [2, 1, 4, 0])

    assert CardSums.of([1.5, 0], [2, 1]) + CardSums.of([3, 2], [4, 0]) == whole
    assert (whole.cards, whole.hits) == (3, 2)


@pytest.mark.parametrize("few", [CardSums.of([], []), CardSums.of([1], [2])])
def test_of_less_than_two_cards_nothing_is_known(few):
    found = compare(few, CardSums.of([1, 0, 1], [1, 1, 1]))

    assert (found.information, found.p_value, found.interval(0.05)) == (0.0, 1.0, (-inf, inf))


def test_arms_without_any_variance_say_nothing_instead_of_everything():
    found = compare(CardSums.of([0, 0], [1, 1]), CardSums.of([1, 1], [1, 1]))

    assert (found.value, found.information, found.z, found.p_value) == (1.0, 0.0, 0.0, 1.0)


def test_two_shares_give_the_z_of_the_textbook():
    # 15 of 100 against 30 of 120: pooled 45 of 220, z = 0.1 / 0.05462 = 1.8310
    assert two_proportions((15, 30), (100, 120)) == pytest.approx(2 * stats.norm.sf(1.8310), rel=1e-3)


@pytest.mark.parametrize(("parts", "wholes"), [((0, 0), (10, 10)), ((10, 10), (10, 10)), ((0, 3), (0, 10))])
def test_shares_that_cannot_be_told_apart_are_not(parts, wholes):
    assert two_proportions(parts, wholes) == 1.0


def test_arms_that_lost_cards_are_noticed():
    assert share_mismatch((9000, 1000), 0.1) == 1.0
    assert share_mismatch((9050, 950), 0.1) == pytest.approx(stats.chisquare([9050, 950], [9000, 1000]).pvalue)
    assert share_mismatch((9000, 880), 0.1) < 0.001
    assert share_mismatch((0, 0), 0.1) == 1.0
