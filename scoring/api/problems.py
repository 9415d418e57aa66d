"""Errors as RFC 9457 problems: `application/problem+json` with `errors[{field, message}]`."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import JsonResponse
from rest_framework.exceptions import APIException, NotAuthenticated, Throttled, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

Errors = Sequence[dict[str, str]]
RETRY_AFTER = {"Retry-After": "1"}


def problem(
    status: int,
    detail: str,
    *,
    errors: Errors = (),
    headers: dict[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JsonResponse:
    """A problem that is no exception; `more` are further members, for programs to act on."""
    body = problem_body(status, detail, errors=errors) | dict(more or {})
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=headers)


def problem_body(status: int, detail: str, *, errors: Errors = ()) -> dict[str, Any]:
    """The problem as data."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return body | {"errors": list(errors)} if errors else body


def problem_response(error: Exception, context: dict[str, Any]) -> Response | JsonResponse | None:
    """DRF's exception handler: the framework's own errors in the same shape."""
    if isinstance(error, OperationalError | InterfaceError):
        return problem(503, "The database does not answer; nothing is known to be stored.", headers=RETRY_AFTER)
    response = exception_handler(error, context)
    if response is None:
        return None
    headers = {name: value for name, value in response.items() if name.lower() not in ("content-type", "allow")}
    if isinstance(error, NotAuthenticated):
        return problem(401, "Send an API key: `Authorization: Bearer <api key>`.", headers=headers)
    if isinstance(error, Throttled):
        return problem(
            429,
            f"This API key has used up its calls; come again in {headers.get('Retry-After', 1)} s.",
            headers=headers,
        )
    if isinstance(error, ValidationError):
        return problem(422, "The request is not valid.", errors=_errors_of(error.detail), headers=headers)
    detail = str(error.detail) if isinstance(error, APIException) else str(response.data.get("detail", ""))
    return problem(response.status_code, detail, headers=headers)


def _errors_of(detail: Any, field: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [entry for name, value in detail.items() for entry in _errors_of(value, _join(field, str(name)))]
    if isinstance(detail, list):
        return [entry for value in detail for entry in _errors_of(value, field)]
    return [{"field": field, "message": str(detail)}]


def _join(field: str, name: str) -> str:
    if name == "non_field_errors":
        return field
    return f"{field}.{name}" if field else name
