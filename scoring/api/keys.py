"""Who calls: an API key in `Authorization: Bearer`, and what its scopes allow."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from scoring.models import ApiKey
from scoring.services.keys import digest

if TYPE_CHECKING:
    # The framework imports this module for its defaults before its views exist.
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the key. There is no user: a browser session opens nothing here."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.isascii():
            raise AuthenticationFailed("Send `Authorization: Bearer <api key>`.")
        found = ApiKey.objects.filter(sha256=digest(key.strip()), revoked_at=None).first()
        if found is None:
            raise AuthenticationFailed("This API key does not exist or is revoked.")
        return None, found

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class HasScope(BasePermission):
    """The key has the scope that the view names in `scope`; a view that names none is closed."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        scope = getattr(view, "scope", None)
        self.message = f"This API key lacks the scope `{scope}`."
        return isinstance(request.auth, ApiKey) and scope in request.auth.scopes


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular has none here
    """How the schema describes it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
