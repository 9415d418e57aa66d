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
from django.utils.timezone import now

from scoring.api.key_reading import follow_keys
from scoring.api.keys import bearer_of
from scoring.api.problems import problem
from scoring.services import key_book
from scoring.services.warming import warm_up
from scoring.silence import bound_all_threads

# Of a payment, and of whoever has no key; a batch of a caller with one may have DATA_UPLOAD_MAX_MEMORY_SIZE.
MAX_SINGLE_BYTES = 64 * 1024
# A body that trickles in holds its memory no longer.
BODY_SECONDS = 20.0
# Of pages and sockets, for one answer of the database: nobody looks at a page that takes as long.
PAGE_SILENCE_SECONDS = 30.0


class BodyTooLargeError(Exception):
    """More bytes came than this call may have."""


class ScoringHandler(ASGIHandler):
    """Answers one request on the event loop. `is_batch`: a caller with a key may send a large body."""

    def __init__(self, *, is_batch: bool) -> None:
        super().__init__()
        self._is_batch = is_batch

    def load_middleware(self, is_async: bool = False) -> None:
        """None but what `SecurityMiddleware` does and the exceptions' conversion."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._security = SecurityMiddleware(lambda request: None)  # type: ignore[arg-type]
        self._view = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]
        self._middleware_chain = convert_exception_to_response(self._secured)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        limit = await self._limit(scope)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_body(receive, limit)
        except RequestAborted:
            return
        except TimeoutError:
            await self.send_response(problem(408, f"The body took longer than {BODY_SECONDS:.0f} seconds."), send)
            return
        except BodyTooLargeError:
            await self.send_response(problem(413, f"The body of this call has at most {limit:,} bytes."), send)
            return
        with body:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            # There is one or the other.
            response = await self.get_response_async(request) if request is not None else refusal
            await self.send_response(cast(HttpResponseBase, response), send)

    async def _limit(self, scope: Any) -> int:
        """Bytes that are taken in: whoever has no key may not fill the memory."""
        sent = dict(scope["headers"]).get(b"authorization", b"").decode("latin1")
        key = bearer_of(sent)
        await follow_keys(key)
        is_known = key_book.find(key, at=now()) is not None
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if self._is_batch and is_known else MAX_SINGLE_BYTES

    async def _secured(self, request: HttpRequest) -> HttpResponse:
        response: Any = self._security.process_request(request) or await cast(Any, self._view(request))
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return self._security.process_response(request, cast(HttpResponse, response))


async def _read_body(receive: Any, limit: int) -> BytesIO:
    """The body, in memory. Raises: BodyTooLargeError, RequestAborted."""
    body = BytesIO()
    size, is_whole = 0, False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        size += body.write(message.get("body", b""))
        if size > limit:
            raise BodyTooLargeError
        is_whole = not message.get("more_body", False)
    body.seek(0)
    return body


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Make the process ready before the server lets anybody in."""
    bound_all_threads(PAGE_SILENCE_SECONDS)
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
