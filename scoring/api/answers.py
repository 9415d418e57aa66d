"""What a caller is told of a payment: the decision, or why there is none."""

from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse

from scoring.api.problems import RETRY_AFTER, Errors, problem, problem_body
from scoring.services.decider import InProgressError, OverloadedError
from scoring.services.decisions import ContendedError, Result
from scoring.services.policy import NoPolicyError
from scoring.transaction import InvalidTransactionError

encoder = msgspec.json.Encoder(decimal_format="string")

# What deciding may fail with, for all payments that were sent together.
NOT_DECIDED = (InProgressError, ContendedError, OperationalError, InterfaceError, OverloadedError, NoPolicyError)


@dataclass(frozen=True)
class Refusal:
    """Why a payment has no decision, as an HTTP status and words."""

    status: int
    detail: str
    errors: Errors = ()
    is_temporary: bool = False

    def as_response(self) -> HttpResponse:
        headers = RETRY_AFTER if self.is_temporary else None
        return problem(self.status, self.detail, errors=self.errors, headers=headers)

    def as_result(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "problem": problem_body(self.status, self.detail, errors=self.errors),
            "is_temporary": self.is_temporary,
        }


def not_a_transaction(error: InvalidTransactionError) -> Refusal:
    return Refusal(422, "This is not a transaction; nothing was stored.", error.errors)


def not_decided(error: Exception) -> Refusal:
    """One of NOT_DECIDED."""
    if isinstance(error, InProgressError | ContendedError):
        return Refusal(409, "This transaction is being decided at this moment; ask again.", is_temporary=True)
    if isinstance(error, OverloadedError | NoPolicyError):
        return Refusal(503, str(error), is_temporary=True)
    return Refusal(503, "The database failed. The decision may have been recorded; send it again.", is_temporary=True)


def engine_failed() -> Refusal:
    """Of one payment among others; the next attempt fails as well, until the fault is mended."""
    return Refusal(500, "This payment could not be decided: a fault in the server, which is in its log.")


def conflict() -> Refusal:
    errors = [{"field": "transaction_id", "message": "was decided before with other content"}]
    return Refusal(409, "This transaction id stands for another payment.", errors)


def status_of(result: Result) -> int:
    """201 for a new decision, 200 for the stored one."""
    return 201 if result.is_new else 200


def json_response(body: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(encoder.encode(body), content_type="application/json", status=status)
