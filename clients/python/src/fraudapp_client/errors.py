"""What can go wrong, one class for each thing a caller would do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request; the field is empty where it is the request as a whole."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the server refused: RFC 9457. `refusal`: which of several reasons, for programs. `raw`: all that it said."""

    status: int
    title: str = ""
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    refusal: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __str__(self) -> str:
        named = "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in self.errors)
        return " ".join(text for text in (str(self.status), self.detail or self.title, named and f"({named})") if text)


class FraudappError(Exception):
    """No answer that can be used."""


class TemporaryError(FraudappError):
    """It may work later: the deadline came first. `retry_after`: seconds, where the server named them."""

    retry_after: float | None = None


class NoAnswerError(TemporaryError):
    """Nothing came back in time, or no connection was had.

    `is_outcome_unknown`: the request may have arrived, and what it asks for may have been done.
    """

    def __init__(self, text: str, *, attempts: int, is_outcome_unknown: bool) -> None:
        super().__init__(text)
        self.attempts = attempts
        self.is_outcome_unknown = is_outcome_unknown


class BadAnswerError(FraudappError):
    """Something answered, but not as a fraudapp server does; what was asked for may have been done."""


class ApiError(FraudappError):
    """The server refused, and says why."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.retry_after = retry_after

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self.problem.errors

    @property
    def refusal(self) -> str:
        return self.problem.refusal


class InvalidRequestError(ApiError):
    """400, 413, 415, 422: the request has to change; `errors` names the fields."""


class AuthenticationError(ApiError):
    """401: the API key is unknown, revoked or expired."""


class ForbiddenError(ApiError):
    """403: the API key may not do this; the detail names the scope it lacks."""


class NotFoundError(ApiError):
    """404: there is no such payment or case, or this key may not see it."""


class ConflictError(ApiError):
    """409: another payment has this id, or somebody else was faster with this case."""


class InProgressError(ConflictError, TemporaryError):
    """409 with a time: the same payment is being decided at this moment."""


class RateLimitedError(ApiError, TemporaryError):
    """429: more calls than this key may make."""


class UnavailableError(ApiError, TemporaryError):
    """5xx: the server cannot do it now. With 503 it says that nothing was stored."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
}


def api_error(problem: Problem, *, retry_after: float | None = None) -> ApiError:
    """The error of its status."""
    if problem.status == 409 and retry_after is not None:
        return InProgressError(problem, retry_after=retry_after)
    kind = UnavailableError if problem.status >= 500 else _BY_STATUS.get(problem.status, ApiError)
    return kind(problem, retry_after=retry_after)
