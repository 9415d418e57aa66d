"""How often the tests of experiments err, and how often they see what is there, over many invented worlds."""

from math import sqrt

import numpy as np
import pytest

from scoring.ml.experiments.comparing import CardSums, compare
from scoring.ml.experiments.judging import Look, Rule, State, first_decided, standing_at
from scoring.ml.experiments.power import Plan, Traffic, days_needed
from tests.scoring.experiment_worlds import alerts_of_cards, losses_of_cards

WORLDS, DAYS, CARDS = 600, 30, 400
Z = 1.959964


@pytest.fixture(scope="module")
def alike():
    """Two arms that differ in nothing."""
    chance = np.random.default_rng(20)
    return [alerts_of_cards(chance, worlds=WORLDS, days=DAYS, cards=CARDS) for _ in range(2)]


def rule(looks: int) -> Rule:
    return Rule(Plan(effect=0.08, share=0.5, alpha=0.05, power=0.8, looks=looks), DAYS, is_less_better=False)


def decided(arms, world: int, looks: int):
    found = [standing_at(Look(day + 1, *(arm.at(world, day) for arm in arms)), rule(looks)) for day in range(DAYS)]
    return first_decided(found)


def test_one_look_errs_once_in_twenty_by_card_and_far_more_often_by_payment(alike):
    by_card = by_payment = 0
    for world in range(WORLDS):
        first, second = (arm.at(world, DAYS - 1) for arm in alike)
        by_card += compare(first, second).p_value < 0.05
        by_payment += by_payment_z(first, second) > Z

    # Of 600 at 5 %, 95 times of 100 between 20 and 40.
    assert 17 <= by_card <= 43
    assert by_payment > 0.3 * WORLDS


def by_payment_z(first, second) -> float:
    """What a test that takes payments for independent finds."""
    pooled = (first.y + second.y) / (first.n + second.n)
    return abs(second.ratio - first.ratio) / sqrt(pooled * (1 - pooled) * (1 / first.n + 1 / second.n))


def test_looking_each_day_errs_often_with_tests_for_one_look_and_seldom_with_the_sequence(alike):
    found = dict.fromkeys(["by payment", "by card", "any day", "planned"], 0)
    for world in range(WORLDS):
        pairs = [tuple(arm.at(world, day) for arm in alike) for day in range(DAYS)]
        found["by payment"] += any(by_payment_z(*pair) > Z for pair in pairs)
        found["by card"] += any(compare(*pair).p_value < 0.05 for pair in pairs)
        for name, looks in (("any day", 0), ("planned", 5)):
            standing = decided(alike, world, looks)
            found[name] += standing is not None and standing.state != State.ALIKE

    assert found["by payment"] > 0.5 * WORLDS
    assert found["by card"] > 0.15 * WORLDS
    assert found["any day"] <= 0.05 * WORLDS
    # 5 %, and what chance adds to it.
    assert found["planned"] <= 0.07 * WORLDS


def test_a_z_test_of_cards_that_come_once_is_wrong_in_one_of_four_months_if_looked_at_daily():
    chance = np.random.default_rng(4)
    wrong = {"z": 0, "any day": 0}
    for _ in range(WORLDS):
        sums = chance.binomial(500, 0.4, (2, DAYS)).cumsum(axis=1)
        arms = [[CardSums(500 * day, int(y), 500.0 * day, y, 500.0 * day, y, y) for day, y in enumerate(arm, 1)]
                for arm in sums]  # fmt: skip
        pairs = list(zip(*arms, strict=True))
        wrong["z"] += any(by_payment_z(*pair) > Z for pair in pairs)
        standing = first_decided([standing_at(Look(day, *pair), rule(0)) for day, pair in enumerate(pairs, 1)])
        wrong["any day"] += standing is not None and standing.state != State.ALIKE

    assert wrong["z"] > 0.2 * WORLDS
    assert wrong["any day"] <= 0.05 * WORLDS


@pytest.fixture(scope="module")
def unequal():
    """A tenth of the cards against the rest: losses of which a few frauds are nearly all, alike in both arms."""
    chance, worlds, days = np.random.default_rng(8), 200, 21
    return days, [losses_of_cards(chance, worlds=worlds, days=days, cards=cards) for cards in (5400, 600)]


@pytest.mark.parametrize("looks", [0, 5])
def test_a_small_arm_that_had_luck_with_large_frauds_is_not_called_better(unequal, looks):
    days, arms = unequal
    by = Rule(Plan(effect=1.0, share=0.1, alpha=0.05, power=0.8, looks=looks), days, is_less_better=True)

    wrong = {State.BETTER: 0, State.WORSE: 0}
    for world in range(200):
        looked = [standing_at(Look(day + 1, *(arm.at(world, day) for arm in arms)), by) for day in range(days)]
        found = first_decided(looked)
        if found is not None and found.state in wrong:
            wrong[found.state] += 1

    # 5 %, and what chance adds to it; with each arm's own variance it is 10 to 20 %, all of them "better".
    assert sum(wrong.values()) <= 0.07 * 200, wrong


@pytest.mark.parametrize("looks", [0, 5])
def test_a_difference_worth_knowing_is_found_as_often_as_was_promised(looks):
    chance = np.random.default_rng(31)
    champion = alerts_of_cards(chance, worlds=300, days=DAYS, cards=CARDS, precision=0.40)
    whole = champion.at(0, DAYS - 1)
    for world in range(1, 300):
        whole += champion.at(world, DAYS - 1)
    # The effect that thirty days of these two arms are enough for.
    a_day = 2 * whole.n / 300 / DAYS
    plan = Plan(effect=0.1, share=0.5, alpha=0.05, power=0.8, looks=looks)
    effect = 0.1 * sqrt(days_needed(plan, Traffic(a_day, whole.ratio, whole.unit_variance)) / DAYS)
    challenger = alerts_of_cards(chance, worlds=300, days=DAYS, cards=CARDS, precision=0.40 + effect)
    by = Rule(Plan(effect=effect, share=0.5, alpha=0.05, power=0.8, looks=looks), DAYS, is_less_better=False)

    better = 0
    for world in range(300):
        standings = [
            standing_at(Look(day + 1, champion.at(world, day), challenger.at(world, day)), by) for day in range(DAYS)
        ]
        found = first_decided(standings)
        better += found is not None and found.state == State.BETTER

    assert 0.70 * 300 <= better <= 0.90 * 300
