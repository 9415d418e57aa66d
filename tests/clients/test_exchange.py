"""The steps of a call, with a clock that stands still unless somebody waits."""

import httpx
import pytest

from fraudapp_client import NoAnswerError, RateLimitedError, UnavailableError
from fraudapp_client.calls import add_note, decide
from fraudapp_client.exchange import LEAST_ATTEMPT, Send, Wait, exchange
from fraudapp_client.times import TimeLimits
from tests.clients.calling import DECIDED, payment

LIMITS = TimeLimits(total=10.0, attempt=1.0)
AWAY = httpx.Response(503)


class Clock:
    """Time as the steps use it up. An attempt takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.now, self.seconds = 1000.0, seconds

    def run(self, steps, *came):
        """Take the steps, each attempt meeting the next of `came` (the last one again and again); them and the end."""
        taken, answers = [], list(came)
        given = None
        while True:
            try:
                step = steps.send(given)
            except StopIteration as end:
                return taken, end.value
            except Exception as error:  # noqa: BLE001 (the end of the call, looked at by the test)
                return taken, error
            taken.append(step)
            if isinstance(step, Wait):
                self.now += step.seconds
                given = None
            else:
                self.now += min(self.seconds, step.timeout)
                given = answers.pop(0) if len(answers) > 1 else answers[0]


def steps_of(call, clock, *, limits=LIMITS, jitter=lambda least, most: most):
    return exchange(call, limits, clock=lambda: clock.now, jitter=jitter)


def waits(taken):
    return [round(step.seconds, 3) for step in taken if isinstance(step, Wait)]


def test_an_answer_at_once_is_one_attempt():
    clock = Clock()

    taken, decision = clock.run(steps_of(decide(payment()), clock), httpx.Response(201, json=DECIDED))

    assert taken == [Send(1.0)]
    assert decision.outcome == "review"


def test_pauses_double_up_to_a_second_and_end_with_the_deadline():
    clock = Clock()

    taken, error = clock.run(steps_of(decide(payment()), clock), AWAY)

    assert waits(taken)[:7] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert clock.now <= 1010.0
    assert type(error) is UnavailableError


def test_callers_who_failed_together_do_not_come_back_together():
    clock = Clock()
    asked = []

    clock.run(steps_of(decide(payment()), clock, jitter=lambda *bounds: asked.append(bounds) or bounds[0]), AWAY)

    assert all(least < most for least, most in asked)


def test_what_the_server_asks_for_is_waited_and_a_little_more():
    clock = Clock()

    taken, _ = clock.run(
        steps_of(decide(payment()), clock),
        httpx.Response(429, headers={"Retry-After": "2"}),
        httpx.Response(201, json=DECIDED),
    )

    assert waits(taken) == [2.05]


def test_a_wait_that_ends_too_late_is_not_begun():
    clock = Clock(seconds=0.5)

    taken, error = clock.run(steps_of(decide(payment()), clock), httpx.Response(429, headers={"Retry-After": "10"}))

    assert taken == [Send(1.0)]
    assert type(error) is RateLimitedError


def test_the_last_attempt_has_what_is_left():
    clock = Clock(seconds=5.0)
    limits = TimeLimits(total=2.0, attempt=1.5)

    taken, error = clock.run(steps_of(decide(payment()), clock, limits=limits), httpx.ReadTimeout("late"))

    assert [round(step.timeout, 3) for step in taken if isinstance(step, Send)] == [1.5, 0.45]
    assert isinstance(error, NoAnswerError)
    assert error.attempts == 2
    assert isinstance(error.__cause__, httpx.ReadTimeout)
    assert clock.now <= 1002.0


def test_a_deadline_shorter_than_any_attempt_is_kept():
    clock = Clock(seconds=5.0)

    taken, _ = clock.run(steps_of(decide(payment()), clock, limits=TimeLimits(0.005, 1.0)), httpx.ReadTimeout("late"))

    assert [round(step.timeout, 6) for step in taken] == [0.005]


def test_an_attempt_that_would_be_too_short_is_not_begun():
    clock = Clock(seconds=0.9)
    limits = TimeLimits(total=0.9 + 0.05 + LEAST_ATTEMPT / 2, attempt=1.0)

    taken, _ = clock.run(steps_of(decide(payment()), clock, limits=limits), AWAY)

    assert len(taken) == 1


@pytest.mark.parametrize("unsent", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
def test_what_was_never_sent_may_always_be_sent_again(unsent):
    clock = Clock()

    taken, error = clock.run(steps_of(add_note("1", "text"), clock), unsent)

    assert len(waits(taken)) > 5
    assert not error.is_outcome_unknown


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("x"), httpx.WriteError("x"), TimeoutError()])
def test_what_may_have_been_sent_is_not_repeated_unless_that_is_safe(lost):
    clock = Clock()

    taken, error = clock.run(steps_of(add_note("1", "text"), clock), lost)

    assert taken == [Send(1.0)]
    assert error.is_outcome_unknown
