"""What the published schema says of the calls about cases."""

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

from cases.api import examples
from cases.api.base import CaseAction
from cases.api.refusal_schema import RefusalSchema
from cases.api.schemas import (
    CaseDetailSchema,
    CasePageSchema,
    CaseSchema,
    HistorySchema,
    NoteSchema,
    VerdictSchema,
)
from scoring.api.schemas import ProblemSchema

ActionClass = TypeVar("ActionClass", bound=type[CaseAction])
Answer = type[serializers.BaseSerializer]  # type: ignore[type-arg]
Responses = dict[int, OpenApiResponse]

_WHY = {
    400: "The body is no JSON.",
    403: "The key lacks the scope `cases` or acts for no active user, or its user may not do this.",
    404: "There is no such case in the queues the user sees.",
    409: "The case is not as it was expected: `refusal` says how. Nothing was changed.",
}
_SHOWN: dict[Answer, examples.Json] = {
    CaseSchema: examples.CASE,
    CaseDetailSchema: examples.CASE_DETAIL,
    CasePageSchema: examples.CASE_PAGE,
    HistorySchema: examples.HISTORY,
    NoteSchema: examples.NOTE,
    VerdictSchema: examples.VERDICT,
}


def problems(*statuses: int) -> Responses:
    """These, in the words of cases; what else any call may answer is said of all calls."""
    return {
        status: OpenApiResponse(RefusalSchema if status == 409 else ProblemSchema, description=_WHY.get(status, ""))
        for status in sorted({403, *statuses})
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
    )

    def describe(view: ActionClass) -> ActionClass:
        said = extend_schema(
            operation_id=operation_id,
            description=cleandoc(view.__doc__ or ""),
            tags=["cases"],
            request=view.body,
            responses={status: answer, **problems(400, 404, 409)},
            examples=[*shown(operation_id, answer, status=status), claimed],
        )
        return extend_schema_view(post=said)(view)

    return describe
