"""Who called too often is told how long until a call fits again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.storage import MemoryStorage

from scoring.services.rate_limits import seconds_until_free
from tests.scoring.rate_limit_world import PERIOD


@pytest.mark.parametrize(
    ("window", "cost", "seconds"),
    [
        ((0, 0.0, 10, 2.0), 1, 1.1),  # just filled: all but one must be a period old
        ((0, 0.0, 10, 2.0), 10, 2.0),  # all of them
        ((10, 0.5, 5, 1.5), 1, 0.1),  # what is left of the period before fades soon enough
        ((0, 0.0, 3, 1.5), 1, 0.0),  # there is room
    ],
)
def test_the_wait_is_until_enough_calls_have_faded(window, cost, seconds):
    assert seconds_until_free(window, limit=10, cost=cost, period=1) == pytest.approx(seconds)


@given(st.data())
def test_after_the_wait_the_call_fits_and_it_never_exceeds_two_periods(data):
    limit = data.draw(st.integers(1, 50))
    cost = data.draw(st.integers(1, limit))
    before, current = data.draw(st.integers(0, limit)), data.draw(st.integers(0, limit))
    passed = data.draw(st.floats(0, 1))

    wait = seconds_until_free((before, 1 - passed, current, 2 - passed), limit=limit, cost=cost, period=1)

    at = passed + wait
    counted = before * (1 - at) + current if at < 1 else current * max(0.0, 2 - at)
    assert counted + cost <= limit + 1e-6
    assert 0 <= wait <= 2


def test_both_counters_tell_the_same_of_a_window(process):
    shared, own = process()._shared, MemoryStorage()
    for storage in (shared, own):
        storage.acquire_sliding_window_entry("x", 10, PERIOD, 4)
        before, before_left, current, current_left = storage.get_sliding_window("x", PERIOD)
        assert (before, before_left, current) == (0, 0.0, 4)
        assert PERIOD < current_left <= 2 * PERIOD
