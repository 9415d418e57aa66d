"""A part that failed is left alone for a while, then asked by one."""

import pytest

from scoring.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker("The store", open_seconds=2.0, clock=clock)


def test_a_part_that_works_is_asked_each_time(breaker):
    breaker.succeeded()

    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_a_part_that_failed_is_left_alone(breaker, clock):
    breaker.failed()
    clock.seconds += 1.9

    assert not breaker.allows()


def test_after_a_while_one_tries_and_the_others_wait_for_what_he_finds(breaker, clock):
    breaker.failed()
    clock.seconds += 2.0

    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_a_trial_that_fails_opens_it_for_as_long_again(breaker, clock):
    breaker.failed()
    clock.seconds += 2.0
    assert breaker.allows()
    breaker.failed()
    clock.seconds += 1.9

    assert not breaker.allows()


def test_one_who_tries_and_never_tells_does_not_keep_it_open(breaker, clock):
    breaker.failed()
    clock.seconds += 2.0
    assert breaker.allows()
    clock.seconds += 2.0

    assert breaker.allows()


def test_opening_and_closing_are_logged_once_each(breaker, clock, caplog):
    caplog.set_level("INFO")
    for _ in range(3):
        breaker.failed()
    for _ in range(3):
        breaker.succeeded()

    assert [record.getMessage() for record in caplog.records] == [
        "The store does not answer; going on without it",
        "The store answers again",
    ]


def test_it_may_take_several_failures_in_a_row_to_open_it(clock):
    breaker = Breaker("The store", failures=3, open_seconds=2.0, clock=clock)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.allows()

    breaker.failed()

    assert not breaker.allows()
