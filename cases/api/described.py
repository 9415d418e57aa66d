"""What the published schema says of the calls about cases."""

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

from cases.api import examples
from cases.api.base import CaseAction
from cases.api.schemas import CasePageSchema, CaseSchema, NoteSchema, RefusalSchema, VerdictSchema
from scoring.api.schemas import ProblemSchema

ActionClass = TypeVar("ActionClass", bound=type[CaseAction])
Answer = type[serializers.BaseSerializer]  # type: ignore[type-arg]
Responses = dict[tuple[int, str], OpenApiResponse]

WRONG_BODIES = (400, 413, 415, 422)
_WRONG_CALLS = (401, 403, 429, 503)
_WHY = {
    400: "The body is no JSON.",
    401: "No API key, or one that does not exist or has ended.",
    403: "The key lacks the scope `cases` or acts for no active user, or its user may not do this.",
    404: "There is no such case in the queues the user sees.",
    409: "The case is not as it was expected: `refusal` says how. Nothing was changed.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "Fields are wrong or unknown: `errors` names each. Nothing was changed.",
    429: "Too many calls of this key: come back after `Retry-After` seconds.",
    503: "The database does not answer. Nothing is known to be changed.",
}
_SHOWN: dict[Answer, examples.Json] = {
    CaseSchema: examples.CASE,
    CasePageSchema: examples.CASE_PAGE,
    NoteSchema: examples.NOTE,
    VerdictSchema: examples.VERDICT,
}


def problems(*statuses: int) -> Responses:
    """Those any call may answer, and these."""
    return {
        (status, "application/problem+json"): OpenApiResponse(
            RefusalSchema if status == 409 else ProblemSchema, description=_WHY[status]
        )
        for status in sorted({*_WRONG_CALLS, *statuses})
    }


def shown(operation_id: str, answer: Answer | None = None, *, status: int = 200) -> list[OpenApiExample]:
    """Examples of what is sent and answered."""
    found = []
    if operation_id in examples.BODIES:
        found.append(OpenApiExample("Sent", value=examples.BODIES[operation_id], request_only=True))
    if answer in _SHOWN:
        found.append(OpenApiExample("Answered", value=_SHOWN[answer], response_only=True, status_codes=[f"{status}"]))
    return found


def described(operation_id: str, answer: Answer, *, status: int = 200) -> Callable[[ActionClass], ActionClass]:
    """Describe an action's POST: by its docstring, its body, what it answers and every way it is refused."""
    claimed = OpenApiExample(
        "Claimed by somebody else",
        value=examples.CLAIMED,
        response_only=True,
        status_codes=["409"],
        media_type="application/problem+json",
    )

    def describe(view: ActionClass) -> ActionClass:
        said = extend_schema(
            operation_id=operation_id,
            description=cleandoc(view.__doc__ or ""),
            tags=["cases"],
            request=view.body,
            responses={status: answer, **problems(404, 409, *WRONG_BODIES)},
            examples=[*shown(operation_id, answer, status=status), claimed],
        )
        return extend_schema_view(post=said)(view)

    return describe
