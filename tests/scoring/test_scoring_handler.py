"""The way of its own that decisions come in by: what Django's handler would do besides, and what it would not."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from fraudapp.asgi import application
from scoring.api import asgi
from scoring.models import Decision
from scoring.services.keys import issue_key
from scoring.services.warming import warm_up
from tests.scoring.payments import body_of, publish


def ask(*chunks: bytes, path: str = "/api/v1/decisions/", key: str = "", scheme: str = "http", ends: bool = True):
    """Status, headers and body that the ASGI application answers to a POST in these chunks; None without an answer."""
    headers = [(b"content-type", b"application/json"), (b"host", b"testserver")]
    headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": scheme, "path": path, "query_string": b"",
        "headers": headers, "server": ("testserver", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    arriving = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    arriving.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not arriving:
            await asyncio.Event().wait()
        return arriving.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async_to_sync(application)(scope, receive, send)
    if not sent:
        return None
    names = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], names, b"".join(message["body"] for message in sent[1:])


@pytest.fixture
def key(db) -> str:
    publish()
    return issue_key(name="shop", scopes=["decide"])


@pytest.mark.parametrize("path", ["/api/v1/decisions/", "/api/v1/decisions/batch/"])
def test_a_payment_is_decided_with_length_and_security_headers(key, path):
    body = body_of() if path.endswith("decisions/") else b'{"transactions": [%s]}' % body_of()

    status, headers, text = ask(body[:20], body[20:], key=key, path=path)

    assert status in {200, 201}
    assert int(headers["content-length"]) == len(text)
    assert headers["x-content-type-options"] == "nosniff"
    assert Decision.objects.count() == 1


def test_without_a_key_the_answer_is_the_same_as_elsewhere(db):
    status, headers, text = ask(body_of())

    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert json.loads(text)["status"] == 401


def test_a_body_without_end_is_refused_while_it_comes(db, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    status, headers, _ = ask(*[b"x" * 400] * 1000)

    assert (status, headers["content-type"]) == (413, "application/problem+json")


def test_who_goes_before_the_body_ends_has_nothing_decided(key):
    assert ask(body_of(), key=key, ends=False) is None
    assert not Decision.objects.exists()


def test_plain_http_is_not_answered_where_tls_is_asked_for(key, monkeypatch):
    from fraudapp.asgi import _decisions

    monkeypatch.setattr(_decisions._security, "redirect", True)

    status, headers, _ = ask(body_of(), key=key)

    assert status == 301
    assert headers["location"].startswith("https://")
    assert not Decision.objects.exists()


def test_a_path_that_is_not_there_is_answered_by_django(db):
    assert ask(b"", path="/api/v1/nothing/")[0] == 404


def test_the_server_is_told_when_the_process_is_ready_and_when_it_may_end(monkeypatch):
    monkeypatch.setattr(asgi, "_warm_up", lambda: said.append("warm"))
    monkeypatch.setattr(asgi.gc, "freeze", lambda: said.append("frozen"))
    said: list[str] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    async_to_sync(application)({"type": "lifespan"}, receive, send)

    assert said == ["warm", "frozen", "lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_warming_up_leaves_no_trace_and_needs_no_policy(db):
    warm_up()
    publish()
    warm_up()

    assert not Decision.objects.exists()
