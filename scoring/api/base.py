"""What all calls of the API share."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from scoring.api.key_reading import follow_keys
from scoring.api.keys import bearer_of
from scoring.api.throttles import count_calls
from scoring.services.key_book import KeyFacts
from scoring.silence import SILENCE_SECONDS, answers_within


class ApiView(APIView):
    """DRF's view on an event loop: a handler that is a coroutine is awaited, any other runs in the request's thread.

    `scope` names the scope that the caller's key must have. A call counts once against the limit of its key, unless the
    view `counts_itself`.
    """

    scope: str
    counts_itself = False
    view_is_async = True

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """The steps of DRF's own dispatch, which knows no coroutines."""
        self.args, self.kwargs = args, kwargs
        self.request: Request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await follow_keys(bearer_of(request.headers.get("Authorization", "")))
            self.initial(self.request, *args, **kwargs)
            # Not by the framework's throttles, which would ask Valkey on the event loop.
            if isinstance(self.request.auth, KeyFacts) and not self.counts_itself:
                await count_calls(self.request.auth)
            response: Any = await self._handle(self.request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    async def _handle(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        handler = handler or self.http_method_not_allowed
        if iscoroutinefunction(handler):
            return await handler(request, *args, **kwargs)
        return await sync_to_async(_in_time)(handler, request, *args, **kwargs)


def _in_time(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with answers_within(SILENCE_SECONDS):
        return handler(*args, **kwargs)


def json_body(request: Request) -> bytes:
    """The bytes of a body that a decoder of ours reads.

    Raises:
        UnsupportedMediaType: it says it is something else than JSON.
    """
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(request.content_type)
    return request._request.body
