"""Sizes and bounds of experiments against published ones."""

from math import inf

import pytest

from scoring.ml.experiments.power import (
    Plan,
    Traffic,
    days_needed,
    detectable_effect,
    inflation,
    sample_size_proportions,
    units_an_arm,
)
from scoring.ml.experiments.sequential import (
    always_valid_reach,
    always_valid_z,
    crossing,
    mixture_rate,
    obrien_fleming,
)

ALERTS = Traffic(units_a_day=200.0, ratio=0.4, unit_variance=0.24)
PLAN = Plan(effect=0.05, share=0.5, alpha=0.05, power=0.8, looks=1)


def test_the_sizes_are_those_of_the_textbooks():
    assert sample_size_proportions(0.40, 0.45) == 1534
    assert sample_size_proportions(0.009, 0.0099) == pytest.approx(181_000, rel=0.005)
    # Half a standard deviation, 80 %: 63 by the normal distribution.
    half = Plan(effect=0.5, share=0.5, alpha=0.05, power=0.8, looks=1)
    assert units_an_arm(half, Traffic(1.0, 0.0, 1.0)) == 63


def test_the_bounds_are_those_of_obrien_and_fleming():
    # C. Jennison and B. W. Turnbull, Group Sequential Methods (2000), table 2.3: 1.977, 2.004, 2.040, 2.087.
    assert obrien_fleming(2, 0.05)[-1] == pytest.approx(1.977, abs=0.001)
    assert obrien_fleming(3, 0.05)[-1] == pytest.approx(2.004, abs=0.001)
    assert obrien_fleming(5, 0.05) == pytest.approx((4.562, 3.226, 2.634, 2.281, 2.040), abs=0.001)
    assert obrien_fleming(10, 0.05)[-1] == pytest.approx(2.087, abs=0.001)


def test_what_bounds_let_pass_is_what_they_were_made_for():
    fifths = (0.2, 0.4, 0.6, 0.8, 1.0)

    assert crossing(obrien_fleming(5, 0.05), fifths, drift=0.0) == pytest.approx(0.05, abs=1e-6)
    # Looked at five times at 1.96: 14.2 % (Armitage, McPherson and Rowe 1969).
    assert crossing((1.95996,) * 5, fifths, drift=0.0) == pytest.approx(0.142, abs=0.0005)
    # Somewhat wider bounds err somewhat less.
    assert crossing((4.65, 3.29, 2.68, 2.32, 2.08), fifths, drift=0.0) == pytest.approx(0.0454, abs=0.0005)


def test_looking_more_often_costs_what_is_published():
    # Jennison and Turnbull, table 2.4, 80 %: 1.008 for 2 looks, 1.028 for 5, 1.040 for 10.
    assert inflation(1, 0.05, 0.8) == 1.0
    assert inflation(2, 0.05, 0.8) == pytest.approx(1.008, abs=0.001)
    assert inflation(5, 0.05, 0.8) == pytest.approx(1.028, abs=0.001)
    assert inflation(10, 0.05, 0.8) == pytest.approx(1.040, abs=0.001)
    assert 1.5 < inflation(0, 0.05, 0.8) < 1.9


def test_the_confidence_sequence_is_tightest_where_it_was_planned_to_be():
    def beside(planned: float) -> float:
        return always_valid_reach(100.0, planned, 0.05)

    assert beside(100.0) < min(beside(90.0), beside(111.0), beside(50.0), beside(200.0))
    assert always_valid_z(1.0, 0.05) ** 2 == pytest.approx(1 + mixture_rate(0.05))
    assert always_valid_z(0.0, 0.05) == always_valid_reach(0.0, 100.0, 0.05) == inf


def test_days_follow_the_alerts_a_day_the_share_and_the_looks():
    half = days_needed(PLAN, ALERTS)

    # 1,507 by arm (the variance of 0.40 in both), 3,014 in all, 200 a day.
    assert units_an_arm(PLAN, ALERTS) == 1507
    assert half == pytest.approx(15.07, abs=0.01)
    tenth = Plan(effect=0.05, share=0.1, alpha=0.05, power=0.8, looks=1)
    assert days_needed(tenth, ALERTS) == pytest.approx(half * 0.25 / 0.09)
    daily = Plan(effect=0.05, share=0.5, alpha=0.05, power=0.8, looks=0)
    assert days_needed(daily, ALERTS) == pytest.approx(half * inflation(0, 0.05, 0.8))


def test_the_least_effect_seen_is_the_planned_one_when_the_days_are_over():
    days = days_needed(PLAN, ALERTS)

    assert detectable_effect(PLAN, ALERTS, days) == pytest.approx(0.05)
    assert detectable_effect(PLAN, ALERTS, days / 4) == pytest.approx(0.10)


@pytest.mark.parametrize("nothing", [Traffic(0.0, 0.4, 0.24), Traffic(100.0, 0.0, 0.0)])
def test_without_traffic_or_anything_that_varies_no_day_is_named(nothing):
    assert days_needed(PLAN, nothing) == inf
    assert detectable_effect(PLAN, nothing, 30.0) == inf
