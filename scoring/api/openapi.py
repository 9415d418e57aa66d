"""How the published schema is made from the views: what every call has in common stands here once.

A view says what it answers when all goes well and what is special about its refusals; the rest follows from its scope
and from whether it takes a body.
"""

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry

from scoring.api.schemas import ProblemSchema, RecordedTransactionSchema, TransactionSchema
from scoring.api.strict import StrictSerializer
from scoring.api.transaction_schema import recorded_schema, transaction_schema

Json = dict[str, Any]

PROBLEM = "application/problem+json"
# What any call may answer, and one with a body besides.
ALWAYS = (401, 403, 406, 429, 503)
WITH_BODY = (413, 415, 422)
_WHY = {
    400: "The body is no JSON.",
    401: "No API key, or one that does not exist, was revoked or has expired.",
    403: "The key lacks the scope, or may not do this.",
    404: "There is no such thing, or not for this key.",
    406: "`Accept` asks for something else than JSON.",
    409: "It is not as the call expects. Nothing was changed.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "Fields are wrong, missing or unknown: `errors` names each. Nothing was stored.",
    429: "Too many calls of this key; nothing was stored. Come back after `Retry-After` seconds.",
    503: "A part that is needed does not answer; nothing was stored. Come back after `Retry-After` seconds.",
}
_RETRY_AFTER = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait.", "required": True}
_HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer`.", "required": True}},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}


class ApiSchema(AutoSchema):
    """Describes one call."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Json | None:
        call: Json | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if call is None:
            return None
        call["description"] = f"{call.get('description', '')}\n\nNeeds a key with the scope `{self._scope}`."
        statuses = (*ALWAYS, *(WITH_BODY if "requestBody" in call else ()))
        known = call["responses"]
        missing = {str(status): {"description": ""} for status in statuses if str(status) not in known}
        call["responses"] = {
            status: self._refusal(int(status), answer) if status >= "400" else {"description": "Done.", **_told(answer)}
            for status, answer in sorted({**known, **missing}.items())
        }
        return call

    def get_summary(self) -> str | None:
        """The first sentence of the description."""
        first = " ".join((self.get_description() or "").split()).partition(". ")[0]
        return first.partition(": ")[0].rstrip(".") or None

    def get_auth(self) -> list[Json]:
        """With the scope as the role that OpenAPI lets a scheme of HTTP name."""
        return [{name: [self._scope] for name in one} for one in super().get_auth()]

    @property
    def _scope(self) -> str:
        view: Any = self.view
        return str(view.scope)

    def _refusal(self, status: int, answer: Json) -> Json:
        """As a problem, with its media type, its words and its headers."""
        content = answer.get("content") or {PROBLEM: {"schema": self._problem()}}
        told = {"description": answer.get("description") or _WHY.get(status, HTTPStatus(status).phrase)}
        headers = {**_HEADERS.get(status, {}), **answer.get("headers", {})}
        return told | {"content": {PROBLEM: next(iter(content.values()))}} | ({"headers": headers} if headers else {})

    def _problem(self) -> Json:
        reference: Json = self.resolve_serializer(ProblemSchema, "response").ref
        return reference


def _told(answer: Json) -> Json:
    return {name: value for name, value in answer.items() if name != "description" or value}


class StrictBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # spectacular has none here
    """What refuses unknown fields says so."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: str) -> Json:
        schema: Json = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


class TransactionBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # the same
    """A payment is described by what decodes it."""

    target_class = TransactionSchema

    def map_serializer(self, auto_schema: Any, direction: str) -> Json:
        return transaction_schema()


class RecordedTransaction(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # the same
    """A payment as it was stored."""

    target_class = RecordedTransactionSchema

    def map_serializer(self, auto_schema: Any, direction: str) -> Json:
        return recorded_schema()
