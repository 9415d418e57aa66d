"""A server that does what a test tells it to: answers, drops, hangs, drips, talks rubbish. It keeps what it got."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Received:
    """A request as it arrived, and the caller's port: equal ports are one connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    port: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Act = Callable[["_Handler"], None]


@dataclass
class FaultyServer:
    """`acts`: what is done with each request, in order; the last one with every later request too."""

    acts: list[Act] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def will(self, *acts: Act) -> None:
        self.acts[:] = acts

    def act_of(self, number: int) -> Act:
        return self.acts[min(number, len(self.acts) - 1)]


def answer(status: int, body: Any = None, **headers: str) -> Act:
    """A whole answer; `Retry_After="1"` is a header."""

    def act(handler: "_Handler") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/problem+json" if status >= 400 else "application/json"
        handler.send_response(status)
        named = {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in (named | {name.replace("_", "-"): text for name, text in headers.items()}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return act


def problem(status: int, detail: str = "no", *, errors: list[dict[str, str]] | None = None, **headers: str) -> Act:
    body = {"type": "about:blank", "title": "Title", "status": status, "detail": detail, "errors": errors or []}
    return answer(status, body, **headers)


def drop(handler: "_Handler") -> None:
    """The connection ends without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def hang(handler: "_Handler") -> None:
    """Nothing comes, for as long as the test goes on."""
    handler.server.told.is_over.wait()
    handler.close_connection = True


def drip_headers(handler: "_Handler") -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Never: " + b"x" * 100_000)


def drip_body(handler: "_Handler") -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000)


def _drip(handler: "_Handler", content: bytes) -> None:
    handler.close_connection = True
    for place in range(len(content)):
        if handler.server.told.is_over.wait(0.02):
            return
        try:
            handler.connection.sendall(content[place : place + 1])
        except OSError:
            return


def cut_short(handler: "_Handler") -> None:
    """Less than the answer announces."""
    handler.close_connection = True
    handler.wfile.write(b'HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n{"transaction_id"')


def talk_rubbish(handler: "_Handler") -> None:
    handler.close_connection = True
    handler.wfile.write(b"\x00\xff SSH-2.0 not http\r\n\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    told: FaultyServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away meanwhile is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer goes out as headers and body: without this the body waits for the caller's acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 (the framework's name)
        told = self.server.told
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        number = len(told.received)
        told.received.append(Received(self.command, self.path, self.headers, body, self.client_address[1]))
        told.act_of(number)(self)

    def do_POST(self) -> None:  # noqa: N802
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Tests read what was received."""


@contextmanager
def faulty_server(*, certificate: Path | None = None) -> Iterator[FaultyServer]:
    """On a free port; with TLS where a certificate is given."""
    told = FaultyServer()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.told = told
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        if certificate is not None:
            told.url = told.url.replace("http", "https", 1)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            # Each connection's thread shakes hands: a caller that breaks off must not hold up the others.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            told.is_over.set()
            server.shutdown()
            thread.join()
