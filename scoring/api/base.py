"""What all calls of the API share."""

import asyncio
from contextlib import suppress
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.timezone import now
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.views import APIView

from scoring.api.keys import bearer_of
from scoring.services import key_book


class ApiView(APIView):
    """DRF's view on an event loop: a handler that is a coroutine is awaited, any other runs in the request's thread.

    `scope` names the scope that the caller's key must have.
    """

    scope: str
    view_is_async = True

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """The steps of DRF's own dispatch, which knows no coroutines."""
        self.args, self.kwargs = args, kwargs
        self.request: Request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            key = bearer_of(request.headers.get("Authorization", ""))
            if key_book.is_stale(key):
                await _read_keys(key)
            self.initial(self.request, *args, **kwargs)
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
        return await sync_to_async(handler)(request, *args, **kwargs)


async def _read_keys(key: str) -> None:
    """Have the keys read again; a database that does not answer is not waited for, the last known keys stay."""
    reading = sync_to_async(key_book.refresh)(key, at=now())
    with suppress(TimeoutError):
        await asyncio.wait_for(reading, settings.DECISION_PATIENCE_SECONDS / 4)


def json_body(request: Request) -> bytes:
    """The bytes of a body that a decoder of ours reads.

    Raises:
        UnsupportedMediaType: it says it is something else than JSON.
    """
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(request.content_type)
    return request._request.body
