"""The way of its own that decisions come in by: what Django's handler would do besides, and what it would not."""

import asyncio
import json
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from scoring import silence
from scoring.api import asgi
from scoring.models import Decision
from scoring.rules.language import RuleError
from scoring.services import warming
from scoring.services.keys import issue_key
from scoring.services.warming import warm_up
from tests.scoring.payments import body_of, publish


def site() -> ModuleType:
    """The ASGI entry. Imported inside a test: pages look for the static files that tests do not collect."""
    return import_module("fraudapp.asgi")


def ask(*chunks: bytes, path: str = "/api/v1/decisions/", key: str = "", ends: bool | None = True):
    """Status, headers and body that the ASGI application answers to a POST in these chunks; None without an answer."""
    headers = [(b"content-type", b"application/json"), (b"host", b"testserver")]
    headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": path, "query_string": b"",
        "headers": headers, "server": ("testserver", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    arriving = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if ends is not None:
        arriving.append({"type": "http.request", "body": b""} if ends else {"type": "http.disconnect"})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not arriving:
            await asyncio.Event().wait()
        return arriving.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async_to_sync(site().application)(scope, receive, send)
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


@pytest.mark.parametrize("path", ["/api/v1/decisions/", "/api/v1/decisions/batch/"])
def test_who_has_no_key_cannot_fill_the_memory(db, path):
    chunks = [b"x" * 1024] * 1000

    status, headers, _ = ask(*chunks, path=path)

    assert (status, headers["content-type"]) == (413, "application/problem+json")


def test_a_batch_of_who_has_a_key_may_be_large(key, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
    large = b'{"transactions": [%s]}' % b", ".join([body_of()] * 900)
    assert len(large) > asgi.MAX_SINGLE_BYTES

    assert ask(large, key=key, path="/api/v1/decisions/batch/")[0] == 200
    assert ask(*[large] * 20, key=key, path="/api/v1/decisions/batch/")[0] == 413


def test_a_body_that_trickles_in_is_not_waited_for(key, monkeypatch):
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)

    assert ask(body_of(), key=key, ends=None)[0] == 408
    assert not Decision.objects.exists()


def test_who_goes_before_the_body_ends_has_nothing_decided(key):
    assert ask(body_of(), key=key, ends=False) is None
    assert not Decision.objects.exists()


def test_plain_http_is_not_answered_where_tls_is_asked_for(key, monkeypatch):
    monkeypatch.setattr(site()._decisions["/api/v1/decisions/"]._security, "redirect", True)

    status, headers, _ = ask(body_of(), key=key)

    assert status == 301
    assert headers["location"].startswith("https://")
    assert not Decision.objects.exists()


def test_a_foreign_host_is_told_so_and_no_fault_of_the_server(key, monkeypatch, settings):
    settings.ALLOWED_HOSTS = ["elsewhere"]
    monkeypatch.setattr(site()._decisions["/api/v1/decisions/"]._security, "redirect", True)

    assert ask(body_of(), key=key)[0] == 400


def test_a_path_that_is_not_there_is_answered_by_django(db):
    assert ask(b"", path="/api/v1/nothing/")[0] == 404


def test_the_server_is_told_when_the_process_is_ready_and_when_it_may_end(monkeypatch):
    monkeypatch.setattr(silence, "_of_process", None)
    monkeypatch.setattr(asgi, "_warm_up", lambda: said.append("warm"))
    monkeypatch.setattr(asgi.gc, "freeze", lambda: said.append("frozen"))
    said: list[str] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: dict[str, Any]) -> None:
        said.append(message["type"])

    async_to_sync(site().application)({"type": "lifespan"}, receive, send)

    assert said == ["warm", "frozen", "lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert silence._of_process == asgi.PAGE_SILENCE_SECONDS


def test_a_policy_that_does_not_compile_lets_the_pages_come_up(db, monkeypatch, caplog):
    def fail():
        raise RuleError("no rule any more")

    monkeypatch.setattr(warming, "policy_in_force", fail)

    warm_up()

    assert "not warmed up" in caplog.text


def test_warming_up_leaves_no_trace_and_needs_no_policy(db):
    warm_up()
    publish()
    warm_up()

    assert not Decision.objects.exists()
