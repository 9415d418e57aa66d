"""Who calls: an API key in `Authorization: Bearer`, and what its scopes allow."""

from typing import TYPE_CHECKING, Any

from django.utils.timezone import now
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from scoring.services import key_book
from scoring.services.key_book import KeyFacts

if TYPE_CHECKING:
    # The framework imports this module for its defaults before its views exist.
    from rest_framework.views import APIView


class KeysUnknownError(APIException):
    """The key is not among the last known ones, and there may be newer."""

    status_code = 503
    default_detail = "The API keys cannot be read now; nothing was stored."
    wait = 1  # what the framework puts into Retry-After


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the facts of the key. There is no user: a browser session opens nothing here.

    Asks no database: `ApiView` has the keys read again where that is due.
    """

    def authenticate(self, request: Request) -> tuple[None, KeyFacts] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        key = bearer_of(header)
        if not key:
            raise AuthenticationFailed("Send `Authorization: Bearer <api key>`.")
        at = now()
        facts = key_book.find(key, at=at)
        if facts is not None:
            return None, facts
        if key_book.is_current():
            raise AuthenticationFailed(key_book.why_not(key, at=at))
        raise KeysUnknownError

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def bearer_of(header: str) -> str:
    """The key in an `Authorization` header; empty where there is none."""
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.isascii() else ""


class HasScope(BasePermission):
    """The key has the scope that the view names in `scope`; a view that names none is closed."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope = getattr(view, "scope", None)
        self.message = f"This API key lacks the scope `{scope}`."
        return isinstance(request.auth, KeyFacts) and scope in request.auth.scopes


class IsKnown(BasePermission):
    """Any key, or somebody who is signed in to the console."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, KeyFacts) or request.user is not None


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular has none here
    """How the schema describes it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        words = "An API key of the desk. A call names the scope that the key must have."
        return {"type": "http", "scheme": "bearer", "description": words}
