"""What the published schema says of the calls about cases."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers

from cases.api.base import CaseAction
from scoring.api.schemas import ProblemSchema

ActionClass = TypeVar("ActionClass", bound=type[CaseAction])
Answer = type[serializers.BaseSerializer]  # type: ignore[type-arg]

_WRONG_CALLS = (401, 403, 429, 503)
_WRONG_BODIES = (400, 413, 415, 422)


def problems(*statuses: int) -> dict[int, type[ProblemSchema]]:
    """Those any call may answer, and these."""
    return dict.fromkeys(sorted({*_WRONG_CALLS, *statuses}), ProblemSchema)


def described(
    operation_id: str, answer: Answer, *, status: int = 200, examples: Sequence[OpenApiExample] = ()
) -> Callable[[ActionClass], ActionClass]:
    """Describe an action's POST: by its docstring, its body, what it answers and every way it is refused."""

    def describe(view: ActionClass) -> ActionClass:
        said = extend_schema(
            operation_id=operation_id,
            description=view.__doc__,
            tags=["cases"],
            request=view.body,
            responses={status: answer, **problems(404, 409, *_WRONG_BODIES)},
            examples=list(examples),
        )
        return extend_schema_view(post=said)(view)

    return describe


VERDICT_EXAMPLE = OpenApiExample(
    "A stolen card",
    request_only=True,
    value={
        "verdict": "fraud",
        "typology": "stolen_card",
        "note": "The cardholder was at home, says the bank.",
        "overrides": {"t-2026-11-20-000398": "legitimate"},
        "include_recent": True,
        "block_days": 30,
        "seen_alerts": 3,
    },
)
