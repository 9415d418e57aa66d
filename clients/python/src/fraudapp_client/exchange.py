"""What to do next with a call: send, wait, give its answer or give up. Waits for nothing itself.

`exchange` is a generator: it yields steps and is sent what became of them, so that the sync and the async client share
everything but the waiting.
"""

import logging
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from fraudapp_client.calls import Answer, Call
from fraudapp_client.errors import (
    ApiError,
    BadAnswerError,
    FraudappError,
    NoAnswerError,
    Problem,
    TemporaryError,
    api_error,
)
from fraudapp_client.reading import parse, read_object
from fraudapp_client.times import TimeLimits

logger = logging.getLogger("fraudapp_client")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
# Less is not worth another attempt.
LEAST_ATTEMPT = 0.02
SHORTEST_TIMEOUT = 0.001
# Counted before anything is done.
_REFUSED = 429
# A part was lost, or a proxy lost the server: the request may have been handled, `Retry-After` or not.
_LOST = {502, 503, 504}
# Nothing was sent before these.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request and have the whole answer within `timeout` seconds."""

    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


Step = Send | Wait
# An answer, what prevented one, or nothing after a wait.
Came = httpx.Response | Exception | None


def exchange(
    call: Call[Answer],
    limits: TimeLimits,
    *,
    clock: Callable[[], float] = time.monotonic,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Generator[Step, Came, Answer]:
    """Steps towards the answer of a call.

    Raises:
        FraudappError: there is none, or none before `limits.total` is over.
    """
    ends_at = clock() + limits.total
    attempt = 0
    while True:
        attempt += 1
        # A wait may have been longer than it was told to be.
        came = yield Send(max(min(limits.attempt, ends_at - clock()), SHORTEST_TIMEOUT))
        if isinstance(came, httpx.Response) and came.is_success:
            return call.read(parse(came.content) if came.content else None)
        failure, cause = _failure(call, came, attempt)
        pause = _pause(failure, attempt, jitter)
        if not _may_repeat(call, failure) or clock() + pause + LEAST_ATTEMPT > ends_at:
            raise failure from cause
        logger.info("%s: attempt %d: %s; again in %.3f s", call.name, attempt, failure, pause)
        yield Wait(pause)


def _failure(call: Call[Answer], came: Came, attempt: int) -> tuple[FraudappError, Exception | None]:
    if isinstance(came, httpx.Response):
        return _refusal(came), None
    was_sent = not isinstance(came, _UNSENT)
    why = type(came).__name__
    # What it was about stays out of texts that may be logged; the cause has it.
    text = f"{call.name}: no answer after {attempt} attempt{'s' if attempt > 1 else ''} ({why})"
    return NoAnswerError(text, attempts=attempt, is_outcome_unknown=was_sent), came


def _refusal(response: httpx.Response) -> FraudappError:
    if response.is_redirect:
        return BadAnswerError(
            f"Redirected to {response.headers['Location']}; give the client the address that answers."
        )
    problem = _problem_of(response)
    return api_error(problem, retry_after=_retry_after(response))


def _problem_of(response: httpx.Response) -> Problem:
    """As the server says it, or what the status says where something else answered."""
    try:
        said = parse(response.content)
        # The status of the answer counts, whatever its body says.
        known = {"status": response.status_code, "raw": said}
        found = read_object(Problem, {**said, **known} if isinstance(said, Mapping) else said)
    except BadAnswerError:
        found = Problem(response.status_code)
    return found if found.title else replace(found, title=_phrase(response.status_code))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds: the header has them, or a date."""
    text = response.headers.get("Retry-After", "")
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None


def _may_repeat(call: Call[Answer], failure: FraudappError) -> bool:
    if isinstance(failure, NoAnswerError):
        return call.is_repeatable or not failure.is_outcome_unknown
    if isinstance(failure, ApiError) and isinstance(failure, TemporaryError):
        return failure.status == _REFUSED or (call.is_repeatable and failure.status in {409, *_LOST})
    return False


def _pause(failure: FraudappError, attempt: int, jitter: Callable[[float, float], float]) -> float:
    """Seconds before the next attempt: twice as many each time, or what the server asks for; never all at once."""
    usual = min(FIRST_PAUSE * 2 ** min(attempt - 1, 10), LONGEST_PAUSE)
    asked = failure.retry_after if isinstance(failure, TemporaryError) else None
    return jitter(usual / 2, usual) if asked is None else asked + jitter(0.0, FIRST_PAUSE)
