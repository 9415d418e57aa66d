"""Distances between counts, days that add up, and what is worth an alarm."""

from datetime import date, timedelta

import numpy as np
import pytest

from scoring.features.definitions import NAMES
from scoring.ml import drift, drift_signs, drift_words
from scoring.ml.drift_days import DayCounts, DaySample, add, count_day, windows
from scoring.ml.drift_findings import Past, measure, of_labels
from scoring.ml.drift_signs import Limits, Rate, Severity, Usual
from scoring.ml.reference import Distribution, distribution, reference_of
from scoring.ml.reliability import reliability
from tests.scoring.ml_data import make_dataset

LIMITS = Limits(effect_watch=0.05, effect_alarm=0.1, times_usual=1.5, missing_alarm=0.05, rate_alarm=2.0)
FIRST = date(2026, 10, 1)


def shift(then, now, **overrides):
    one = distribution(np.asarray(then, float), 20)
    values = {"rows": len(now), "missing": 0, "missing_then": 0.0} | overrides
    return drift.shift_of(one, one.count(np.asarray(now, float)), **values)


def test_the_same_values_have_no_distance():
    found = shift(range(1000), range(1000))

    assert (found.ks, found.psi) == (0.0, 0.0)
    assert found.middle[0] == pytest.approx(500, abs=2)


def test_distances_are_those_of_the_textbook():
    then, now = [0, 50, 50], [0, 20, 80]

    assert drift.ks(then, now) == pytest.approx(0.3)
    # (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5), but for half a payment a bin.
    assert drift.psi([0, 50_000, 50_000], [0, 20_000, 80_000]) == pytest.approx(0.4159, abs=1e-3)


def test_the_distance_is_that_of_the_raw_values_where_the_bins_see_it():
    then, now = np.random.default_rng(1).gamma(1.0, 1.0, (2, 20_000))
    now = now * 1.3
    edges = np.sort(np.concatenate([then, now]))
    raw = np.abs(
        np.searchsorted(np.sort(then), edges, "right") - np.searchsorted(np.sort(now), edges, "right")
    ).max() / len(then)

    assert raw - 0.01 < shift(then, now).ks <= raw


def test_values_outside_of_all_that_was_seen_count_at_the_ends():
    found = shift(range(100), [-1e30] * 50 + [1e30] * 50)

    assert found.ks == pytest.approx(0.5, abs=0.02)
    assert found.middle[1] in (0.0, 99.0)


def test_a_constant_that_stays_has_not_moved_and_one_that_changes_has():
    assert shift([3.0] * 100, [3.0] * 100).ks == 0.0
    assert shift([3.0] * 100, [4.0] * 100).ks == 0.0  # both at or above 3: no bin can tell
    assert shift([3.0] * 100, [2.0] * 100).ks == 1.0


def test_flags_are_compared_by_their_shares():
    found = shift([0.0] * 80 + [1.0] * 20, [0.0] * 60 + [1.0] * 40)

    assert (found.ks, found.edge) == (pytest.approx(0.2), 1.0)
    assert found.at_or_above == (pytest.approx(0.2), pytest.approx(0.4))


@pytest.mark.parametrize(("then", "now"), [([np.nan] * 5, [1.0] * 5), ([1.0] * 5, [np.nan] * 5), ([1.0], [])])
def test_without_values_there_is_no_distance(then, now):
    found = shift(then, now)

    assert (found.ks, found.psi, found.middle) == (None, None, None)


def test_kinds_differ_by_the_share_that_would_have_to_change():
    assert drift.total_variation({"pos": 8, "atm": 2}, {"pos": 40, "ecommerce": 10}) == pytest.approx(0.2)
    assert drift.total_variation({}, {"pos": 1}) is None


def sample(rows, *, seed=1, channel="pos"):
    data = make_dataset(rows, seed=seed)
    nothing = np.full(rows, np.nan)
    return data, DaySample(data.vectors, data.labels * 0.5, nothing, {"channel": [channel] * rows})


def test_days_add_up_to_what_all_of_them_would_count():
    data, whole = sample(400)
    reference = reference_of(data, NAMES, np.linspace(0, 1, 400))
    halves = [
        DaySample(whole.vectors[part], whole.scores[part], whole.anomaly_scores[part], {"channel": ["pos"] * 200})
        for part in (slice(200), slice(200, 400))
    ]

    added = add(count_day(reference, half, payments=200, flagged=3) for half in halves)

    assert added == count_day(reference, whole, payments=400, flagged=6)
    assert added.missing["card_km"] == 400
    assert sum(added.values["amount"]) == 400


def test_a_score_that_is_missing_counts_neither_way():
    data, whole = sample(50)
    reference = reference_of(data, NAMES, np.linspace(0, 1, 50), anomaly=np.linspace(0, 1, 50))

    counted = count_day(reference, whole, payments=50, flagged=0)

    assert sum(counted.values["anomaly score"]) == 0
    assert counted.missing["anomaly score"] == 0


def test_rare_kinds_are_counted_as_one():
    many = DayCounts(100, 0, 100, {}, {}, {"currency": {f"C{number}": 100 - number for number in range(60)}})

    assert len(add([many]).kinds["currency"]) == 41
    assert sum(add([many]).kinds["currency"].values()) == sum(many.kinds["currency"].values())


def test_stretches_are_of_days_that_are_all_there():
    day = DayCounts(10, 0, 10, {}, {}, {})
    days = {FIRST + timedelta(days=number): day for number in range(10) if number != 5}

    assert len(windows(days, 3, least_rows=1)) == 5
    assert windows(days, 3, least_rows=31) == []


def test_usual_is_not_learnt_from_two_stretches():
    assert drift_signs.most([0.1, 0.2]) is None
    assert drift_signs.most([0.1, 0.2, 0.3]) == pytest.approx(0.298)


@pytest.mark.parametrize(
    ("distance", "usual", "severity"),
    [
        (0.04, None, "ok"), (0.06, None, "watch"), (0.12, None, "alarm"), (0.12, 0.03, "alarm"), (0.12, 0.09, "ok"),
        (0.06, 0.03, "watch"), (0.04, 0.001, "ok"), (None, 0.1, "ok"),
    ],
)  # fmt: skip
def test_a_distance_has_to_be_large_and_larger_than_usual(distance, usual, severity):
    assert drift_signs.of_distance(distance, usual, LIMITS, chance=0.02) == severity


def test_what_chance_does_to_few_payments_is_passed_over():
    assert drift_signs.of_distance(0.12, None, LIMITS, chance=drift.chance_of(200, 200)) == Severity.OK
    assert drift_signs.of_distance(0.12, None, LIMITS, chance=drift.chance_of(20_000, 20_000)) == Severity.ALARM


def test_many_kinds_differ_more_by_chance_and_chance_is_passed_over():
    chance, kinds = np.random.default_rng(5), [f"c{number}" for number in range(40)]
    even = dict.fromkeys(kinds, 25_000)

    by_chance = [
        dict(zip(kinds, chance.multinomial(1_000, np.full(40, 1 / 40)).tolist(), strict=True)) for _ in range(300)
    ]

    limit = drift.chance_of_kinds(even, by_chance[0])
    distances = [drift.total_variation(even, one) for one in by_chance]
    assert np.mean(distances) > drift.chance_of(1_000_000, 1_000)
    assert max(distances) < limit < 2 * np.mean(distances)
    assert drift.chance_of_kinds({"pos": 500_000, "atm": 500_000}, {"pos": 500, "atm": 500}) < limit


@pytest.mark.parametrize(
    ("missing_then", "missing", "severity"),
    [(0.0, 30, "watch"), (0.0, 60, "alarm"), (0.5, 470, "ok"), (0.5, 380, "alarm")],
)
def test_a_share_of_missing_values_has_to_move_more_than_chance_moves_it(missing_then, missing, severity):
    found = shift(range(1000), range(1000), missing=missing, missing_then=missing_then)

    assert drift_signs.of_missing(found, Usual(), LIMITS) == severity


@pytest.mark.parametrize(
    ("part", "whole", "severity"),
    [(100, 10_000, "ok"), (160, 10_000, "watch"), (230, 10_000, "alarm"), (40, 10_000, "alarm"), (3, 100, "ok"),
     (0, 10_000, "alarm"), (0, 100, "ok")],
)  # fmt: skip
def test_a_rate_has_to_be_surely_off_by_a_factor_that_matters(part, whole, severity):
    assert drift_signs.of_rate(Rate(part, whole, 0.009, 0.01), LIMITS) == severity


def past_of(reference, rows_a_day, *, days=28):
    counted = {}
    for number in range(days):
        _, one = sample(rows_a_day, seed=100 + number)
        counted[FIRST + timedelta(days=number)] = count_day(reference, one, payments=rows_a_day, flagged=2)
    return Past(counted, [add(list(counted.values())[:7])] * 3, 7)


@pytest.fixture(scope="module")
def reference():
    data, _ = sample(8000, seed=50)
    return reference_of(data, NAMES, data.labels * 0.5)


def test_a_week_like_the_training_is_no_finding(reference):
    _, week = sample(2100, seed=7)
    window = count_day(reference, week, payments=2100, flagged=14)

    found = measure(reference, window, past_of(reference, 300), LIMITS, least_rows=1000)

    assert found.findings == []
    assert found.learnt_from == 22


def test_larger_amounts_a_lost_field_another_channel_and_more_alerts_are_found_in_words(reference):
    data, week = sample(2100, seed=7, channel="ecommerce")
    data.vectors[:, NAMES.index("amount")] *= 1.6
    data.vectors[::3, NAMES.index("card_count_1h")] = np.nan
    window = count_day(reference, week, payments=2100, flagged=90)

    found = measure(reference, window, past_of(reference, 300), LIMITS, least_rows=1000)

    said = {one.code: one for one in found.findings}
    assert {code: one.severity for code, one in said.items()} == {
        "feature amount": "alarm",
        "missing card_count_1h": "alarm",
        "mix channel": "alarm",
        "alerts": "alarm",
    }
    assert "the middle value is" in said["feature amount"].words
    assert "higher than in training (KS 0.1" in said["feature amount"].words
    assert "33% of payments have no value; 0% had none" in said["missing card_count_1h"].words
    assert found.values[0].worst == Severity.ALARM


def test_scores_that_expect_half_of_the_frauds_are_found(reference):
    chance = np.random.default_rng(3)
    scores = chance.uniform(0, 0.08, 20_000)
    known = reliability((chance.random(20_000) < 2.5 * scores).astype(np.int8), scores)

    findings = {one.code: one for one in of_labels(known, reference, LIMITS)}

    assert known.slope == pytest.approx(1.0, abs=0.2)
    assert findings["calibration"].severity == Severity.ALARM
    assert findings["calibration"].words.startswith("Scores are too low:")


def test_calibrated_scores_are_no_finding(reference):
    chance = np.random.default_rng(3)
    scores = chance.uniform(0, 2 * reference.label_rate, 20_000)
    known = reliability((chance.random(20_000) < scores).astype(np.int8), scores)

    assert of_labels(known, reference, LIMITS) == []
    assert known.error < 0.01


def test_scores_that_are_too_extreme_have_a_slope_below_one():
    chance = np.random.default_rng(3)
    margin = chance.normal(-3, 1, 40_000)
    labels = (chance.random(40_000) < 1 / (1 + np.exp(-margin))).astype(np.int8)

    assert reliability(labels, 1 / (1 + np.exp(-2 * margin))).slope == pytest.approx(0.5, abs=0.05)
    assert reliability(labels[:50] * 0, np.full(50, 0.1)).slope is None
    assert reliability(labels[:0], np.empty(0)) is None


def test_flags_are_told_of_by_their_share():
    then = Distribution([0.0, 1.0], [0, 80, 20])
    found = drift.shift_of(then, [0, 50, 50], rows=100, missing=0, missing_then=0.0)

    said = drift_words.of_shift("is_remote", found, Usual(ks=0.01))

    assert said == "is_remote: 50% of payments have it, 20% in training (KS 0.30, usual at most 0.01)"
