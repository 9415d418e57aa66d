"""How calls that somebody waits for come in: Django's ASGI handler without what only pages need.

Django runs a page's middleware and signal receivers in threads, several changes of thread a request. The payment
system's calls have no session, no form and no template: URL, view and the security headers are all they need, and these
run on the event loop itself. Database work of such a view must be the decider's, which has a thread of its own.
"""

import asyncio
import gc
from io import BytesIO
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.urls import set_script_prefix

from scoring.api.problems import problem
from scoring.services.warming import warm_up


class BodyTooLargeError(Exception):
    """More bytes came than any call may have."""


class ScoringHandler(ASGIHandler):
    """Answers one request on the event loop."""

    def load_middleware(self, is_async: bool = False) -> None:
        """None but the exceptions' conversion; `_answer` adds what `SecurityMiddleware` does."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._security = SecurityMiddleware(lambda request: None)  # type: ignore[arg-type]
        self._middleware_chain = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        except BodyTooLargeError:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            await self.send_response(problem(413, f"A body has at most {limit:,} bytes."), send)
            return
        with body:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            # There is one or the other.
            response = await self._answer(request) if request is not None else refusal
            await self.send_response(cast(HttpResponseBase, response), send)

    async def read_body(self, receive: Any) -> BytesIO:
        """The body in memory; unlike with Django's, one without end is refused while it comes."""
        body = BytesIO()
        size, is_whole = 0, False
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            size += body.write(message.get("body", b""))
            if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
                raise BodyTooLargeError
            is_whole = not message.get("more_body", False)
        body.seek(0)
        return body

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        refusal = self._security.process_request(request)
        response = cast(HttpResponse, refusal or await self.get_response_async(request))
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return self._security.process_response(request, response)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Make the process ready before the server lets anybody in."""
    while (await receive())["type"] == "lifespan.startup":
        await asyncio.to_thread(_warm_up)
        # What stands by now stays. The collector would look at a million objects again and again, a quarter of a second
        # each time.
        gc.collect()
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def _warm_up() -> None:
    try:
        warm_up()
    finally:
        # This thread ends.
        connection.close()
