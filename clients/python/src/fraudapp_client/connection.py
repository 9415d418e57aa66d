"""How both clients are set up, and the sync one's connections: no attempt takes longer than its time-out."""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

API = "/api/v1/"
VERSION = "0.1.0"
# A little less than servers keep an idle connection (uvicorn: 5 s): a request must not meet its end.
IDLE_SECONDS = 4.0
MOST_CONNECTIONS = 100
LIMITS = httpx.Limits(
    max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS, keepalive_expiry=IDLE_SECONDS
)


def base_url(url: str) -> httpx.URL:
    """Of the API on this server.

    Raises:
        ValueError: this is no address of a server.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ValueError(f"The server's address cannot be read: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError("The server's address is http or https, a host, and no more than a path.")
    return parsed.copy_with(path=parsed.path.rstrip("/") + API)


def headers(api_key: str) -> dict[str, str]:
    """Of every request.

    Raises:
        ValueError: this cannot be a key; it is not quoted.
    """
    if not api_key or not all("!" <= sign <= "~" for sign in api_key):
        raise ValueError("The API key is empty, or has a character that no key has.")
    return {
        "Authorization": f"Bearer {api_key}",
        "Accept": "application/json",
        "User-Agent": f"fraudapp-client/{VERSION}",
    }


def default_ssl_context(given: ssl.SSLContext | None) -> ssl.SSLContext:
    """The given one, or the usual authorities."""
    return given or httpx.create_ssl_context(trust_env=False)


class _Deadline(threading.local):
    """When the attempt of this thread ends, on the monotonic clock. A sync attempt stays in its thread."""

    ends_at = float("inf")

    def left(self, timeout: float | None) -> float:
        """What an operation of the connection may take: its own time-out, but no longer than the attempt has left.

        Raises:
            httpcore.ReadTimeout: the time is over.
        """
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time of this attempt is over")
        return left if timeout is None else min(timeout, left)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _BoundedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _BoundedBackend(httpcore.SyncBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, self._deadline.left(timeout), local_address, socket_options)
        return _BoundedStream(stream, self._deadline)


class DeadlineTransport(httpx.BaseTransport):
    """HTTP/1.1 whose read time-out is that of the whole attempt: connecting, TLS, sending, and the last byte.

    The usual one allows it for each of these, and for each packet: an answer that drips would never be too late.
    """

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._deadline = _Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=MOST_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=_BoundedBackend(self._deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        with _in_words_of_httpx(), self._within(request.extensions["timeout"]["read"]):
            response = self._pool.handle_request(sent)
            try:
                content = response.read()
            finally:
                response.close()
        return httpx.Response(response.status, headers=response.headers, content=content)

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        self._deadline.ends_at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline.ends_at = float("inf")

    def close(self) -> None:
        self._pool.close()


@contextmanager
def _in_words_of_httpx() -> Iterator[None]:
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
        raise _UNSENT[type(error)](str(error)) from error
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise httpx.TransportError(f"{type(error).__name__}: {error}") from error


_UNSENT: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
}
