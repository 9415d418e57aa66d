"""Spikes, silences and fallen precision, told from plain numbers."""

import numpy as np
import pytest

from cases.policy.health_signs import LOOK_BACK_HOURS, Labels, Past, find_fall, find_silence, find_spike

LAST = LOOK_BACK_HOURS - 1
HOURS = np.arange(LOOK_BACK_HOURS)


def past(hits, *, payments=1000, since=0, begin_of_week=0):
    filled = np.broadcast_to(np.asarray(payments, np.int64), LOOK_BACK_HOURS).copy()
    return Past(np.broadcast_to(np.asarray(hits, np.int64), LOOK_BACK_HOURS).copy(), filled, begin_of_week, since)


def steady(mean=20.0, seed=3):
    return np.random.default_rng(seed).poisson(mean, LOOK_BACK_HOURS)


def test_an_hour_far_above_the_same_hours_of_earlier_weeks_is_a_spike():
    hits = steady()
    hits[LAST] = 90

    spike = find_spike(past(hits))

    assert (spike.hits, spike.hours) == (90, 1)
    assert spike.z > 6
    assert 15 < spike.usual < 25


def test_the_last_full_hour_is_looked_at_while_the_running_one_has_just_begun():
    hits = steady()
    hits[LAST - 1], hits[LAST] = 90, 0

    assert find_spike(past(hits)).hits == 90


def test_usual_numbers_are_no_spike():
    assert find_spike(past(steady())) is None


def test_what_comes_each_week_at_this_time_is_usual():
    hits = np.where(HOURS % 168 == LAST % 168, 300, 5)

    assert find_spike(past(hits)) is None


def test_few_hits_more_are_no_spike():
    hits = np.zeros(LOOK_BACK_HOURS, int)
    hits[LAST] = 9
    assert find_spike(past(hits)) is None

    hits[LAST] = 10
    assert find_spike(past(hits)).usual == 0


def test_a_slow_rise_is_seen_by_the_day():
    hits = np.ones(LOOK_BACK_HOURS, int)
    hits[-24:] = 4

    spike = find_spike(past(hits))

    assert (spike.hits, spike.usual, spike.hours) == (96, 24, 24)


def test_a_short_past_is_compared_with_the_days_before():
    hits = np.where(HOURS < LAST, 20, 200)

    assert find_spike(past(hits, since=LAST - 4 * 24)).hits == 200
    assert find_spike(past(hits, since=LAST - 24)) is None


def test_hours_without_payments_are_not_compared_with():
    payments = np.where(HOURS < LAST - 30, 0, 1000)
    hits = np.where(HOURS < LAST, 0, 50)

    assert find_spike(past(hits, payments=payments)) is None


def test_a_spike_ends_later_than_it_begins():
    hits = np.full(LOOK_BACK_HOURS, 25)
    hits[LAST] = 25 + 20

    assert find_spike(past(hits)) is None
    assert find_spike(past(hits), is_open=True).z == 4
    hits[LAST] = 25 + 14
    assert find_spike(past(hits), is_open=True) is None


def test_a_rule_that_stops_is_silent_once_chance_is_ruled_out():
    hits = np.ones(LOOK_BACK_HOURS, int)
    hits[-8:] = 0
    assert find_silence(past(hits)) is None

    hits[-13:] = 0
    silence = find_silence(past(hits))

    assert silence.hours == 13
    assert silence.expected == pytest.approx(13)
    assert silence.chance < 1e-4


def test_nothing_is_expected_without_payments():
    hits, payments = np.full(LOOK_BACK_HOURS, 5), np.full(LOOK_BACK_HOURS, 1000)
    hits[-20:] = payments[-20:] = 0

    assert find_silence(past(hits, payments=payments)) is None


def test_hits_whose_payments_are_not_counted_yet_say_nothing():
    assert find_silence(past(np.where(HOURS < LAST - 30, 5, 0), payments=0)) is None


def test_a_rule_of_the_night_is_silent_by_day():
    hits = np.where(HOURS % 24 < 4, 30, 0)
    begin_of_week = 0

    assert LAST % 24 == 0
    hits[LAST] = 0
    assert find_silence(past(hits[: LAST + 1], begin_of_week=begin_of_week)) is not None
    for shift in range(5, 24):
        assert find_silence(past(np.where((HOURS + shift) % 24 < 4, 30, 0))) is None


def test_hits_that_come_in_bursts_may_pause_longer():
    even = np.ones(LOOK_BACK_HOURS, int)
    bursts = np.where(HOURS % 24 == 3, 24, 0) * (HOURS // 24 % 2)
    for hits in (even, bursts):
        hits[-22:] = 0

    assert find_silence(past(even)) is not None
    assert find_silence(past(bursts)) is None


def test_a_rule_that_hardly_hit_is_not_silent():
    hits = np.zeros(LOOK_BACK_HOURS, int)
    hits[:19] = 1
    assert find_silence(past(hits)) is None
    assert find_silence(past(np.zeros(LOOK_BACK_HOURS, int))) is None


def test_a_rule_of_yesterday_is_not_silent_yet():
    hits = np.where(HOURS < LAST - 2, 50, 0)

    assert find_silence(past(hits, since=LAST - 40)) is None
    assert find_silence(past(hits, since=LAST - 60)) is not None


def labels(frauds, labelled, hits=None):
    return Labels(frauds, labelled, hits or labelled)


def test_precision_has_fallen_where_the_intervals_part_and_chance_is_ruled_out():
    assert find_fall(labels(30, 100), labels(80, 100)).now.precision == 0.3
    assert find_fall(labels(70, 100), labels(80, 100)) is None
    assert find_fall(labels(5, 19), labels(800, 1000)) is None
    assert find_fall(labels(90, 100), labels(30, 100)) is None
    assert find_fall(labels(8500, 10000), labels(9000, 10000)) is None


def test_labels_of_another_part_of_the_hits_are_not_compared():
    assert find_fall(labels(30, 100, 200), labels(80, 100, 200)) is not None
    assert find_fall(labels(30, 100, 200), labels(80, 100, 400)) is None
    assert find_fall(labels(30, 100, 400), labels(80, 100, 200), is_open=True) is None


def test_a_fall_is_over_when_precision_is_back_within_what_it_was():
    assert find_fall(labels(65, 100), labels(80, 100)) is None
    assert find_fall(labels(65, 100), labels(80, 100), is_open=True) is not None
    assert find_fall(labels(75, 100), labels(80, 100), is_open=True) is None
