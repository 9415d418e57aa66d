"""One call to an endpoint: to an address that was checked, and within its time."""

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

import httpcore
from django.conf import settings

from scoring.webhooks.addresses import Address, Network, is_allowed, is_named

# To look up the host and to connect; TLS may take as long again.
CONNECT_SECONDS = 3.0
# After these, for all the rest: TLS, what is sent, and the answer.
ANSWER_SECONDS = 10.0
# Of the answer: enough to see what the receiver complains of.
ANSWER_BYTES = 4096
_ERROR_LENGTH = 300

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], httpcore.NetworkStream]


class RefusedAddressError(Exception):
    """The host has no address that a webhook may be sent to."""


@dataclass(frozen=True)
class Answer:
    """How a call went: a status and how its body began, or in words why there is none.

    retry_after: seconds the receiver wants to be left alone; 0: it has not said.
    """

    duration_ms: int
    status: int | None = None
    body: bytes = b""
    retry_after: int = 0
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system's resolver orders them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"The host {host} cannot be looked up: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to an address that was checked: the very one, so that a second look-up cannot bring another.

    allowed: networks that may be called though they are not public, and without TLS.
    """

    def __init__(
        self, *, allowed: Sequence[Network], is_plain: bool, resolve: Resolve = look_up, connect: Connect = _connect
    ) -> None:
        self._allowed, self._is_plain = allowed, is_plain
        self._resolve, self._connect = resolve, connect

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within CONNECT_SECONDS. Raises: RefusedAddressError, and the errors of httpcore."""
        deadline = time.monotonic() + CONNECT_SECONDS
        addresses = self._checked(host, self._resolve(host, port))
        for address in addresses[:-1]:
            try:
                return self._open(address, port, deadline, share=2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                # A host whose IPv6 does not work from here is called by IPv4.
                continue
        return self._open(addresses[-1], port, deadline)

    def _open(self, address: Address, port: int, deadline: float, *, share: int = 1) -> httpcore.NetworkStream:
        left = (deadline - time.monotonic()) / share
        if left <= 0:
            raise httpcore.ConnectTimeout("timed out")
        return _TimedStream(self._connect(str(address), port, left), until=deadline + ANSWER_SECONDS)

    def _checked(self, host: str, found: Sequence[str]) -> list[Address]:
        addresses = [ip_address(text) for text in found]
        may = is_named if self._is_plain else is_allowed
        checked = [address for address in addresses if may(address, self._allowed)]
        if not checked:
            shown = ", ".join(map(str, addresses)) or "no address"
            how = "without TLS, " if self._is_plain else ""
            raise RefusedAddressError(f"{host} is {shown}: {how}webhooks are not sent there")
        return checked


class _TimedStream(httpcore.NetworkStream):
    """A stream that ends at a moment, however little by little the other side reads and writes."""

    def __init__(self, stream: httpcore.NetworkStream, *, until: float) -> None:
        self._stream, self._until = stream, until

    def _left(self, timeout: float | None) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("timed out")
        return left if timeout is None else min(timeout, left)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, self._left(timeout))
        return _TimedStream(secure, until=self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _trust(extra_authorities: str) -> ssl.SSLContext:
    """Whom to believe that they are the host: the usual authorities, and those of the operator."""
    context = httpcore.default_ssl_context()
    if extra_authorities:
        context.load_verify_locations(cafile=extra_authorities)
    return context


def backend_for(url: str) -> PinnedBackend:
    """The network as the settings allow it."""
    return PinnedBackend(allowed=settings.WEBHOOK_ALLOWED_NETWORKS, is_plain=httpcore.URL(url).scheme != b"https")


def post(url: str, body: bytes, headers: Mapping[str, str], *, backend: httpcore.NetworkBackend) -> Answer:
    """Call an endpoint once. Follows no redirect, reads no more than ANSWER_BYTES, raises nothing."""
    began = time.monotonic()
    try:
        status, beginning, retry_after = _exchange(httpcore.URL(url), body, headers, backend)
    except Exception as error:
        return Answer(_since(began), error=_in_words(error)[:_ERROR_LENGTH])
    return Answer(_since(began), status=status, body=beginning, retry_after=retry_after)


def _exchange(
    url: httpcore.URL, body: bytes, headers: Mapping[str, str], backend: httpcore.NetworkBackend
) -> tuple[int, bytes, int]:
    own = [("host", _host_of(url)), ("content-type", "application/json"), ("user-agent", "fraudapp-webhooks/1")]
    timeouts = {"connect": CONNECT_SECONDS, "write": ANSWER_SECONDS, "read": ANSWER_SECONDS}
    trust = _trust(settings.WEBHOOK_CA_FILE) if url.scheme == b"https" else None
    with (
        httpcore.HTTPConnection(url.origin, ssl_context=trust, network_backend=backend) as connection,
        connection.stream(
            "POST",
            url,
            headers=[*own, ("connection", "close"), *headers.items()],
            content=body,
            extensions={"timeout": timeouts},
        ) as response,
    ):
        return response.status, _beginning(response), _retry_after(response)


def _host_of(url: httpcore.URL) -> str:
    host = url.host.decode()
    name = f"[{host}]" if ":" in host else host
    return name if url.port is None else f"{name}:{url.port}"


def _beginning(response: httpcore.Response) -> bytes:
    """How the body begins. The status has been said: a body that stops short takes nothing back."""
    read = b""
    try:
        for chunk in response.iter_stream():
            read += chunk
            if len(read) >= ANSWER_BYTES:
                break
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        return read[:ANSWER_BYTES]
    return read[:ANSWER_BYTES]


def _retry_after(response: httpcore.Response) -> int:
    """Seconds of `Retry-After` (RFC 9110, 10.2.3). Its other form, a date, is left out: clocks differ."""
    said = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    return int(said) if said.isdigit() and len(said) < 10 else 0


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _in_words(error: Exception) -> str:
    if isinstance(error, RefusedAddressError):
        return str(error)
    if isinstance(error, httpcore.ConnectTimeout):
        return f"No connection within {CONNECT_SECONDS:.0f} s"
    if isinstance(error, httpcore.TimeoutException):
        return f"No answer within {ANSWER_SECONDS:.0f} s"
    return f"{type(error).__name__}: {error}"
