"""Both clients, in front of the product's web process and of a server that misbehaves."""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from fraudapp_client import AsyncClient, Client
from scoring.policy_defaults import RULES
from scoring.services.keys import SCOPES, issue_key
from tests.clients.faulty_server import FaultyServer, faulty_server
from tests.factories import make_user
from tests.scoring.payments import HUGE, LARGE, body_of, publish
from tests.waiting import wait_until
from tests.web_process import process_environment, web_process

Connect = Callable[..., Any]


class Awaited:
    """An AsyncClient called from a thread: the same calls as `Client`, so that one test is a test of both."""

    def __init__(self, client: AsyncClient, portal: BlockingPortal) -> None:
        self._client, self._portal = client, portal

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *given, **named: self._portal.call(partial(getattr(self._client, name), *given, **named))

    def __repr__(self) -> str:
        return repr(self._client)

    def cases(self, **filters: Any) -> list[Any]:
        async def collected() -> list[Any]:
            return [case async for case in self._client.cases(**filters)]

        return self._portal.call(collected)


@pytest.fixture(params=["sync", "async"])
def connect(request) -> Iterator[Connect]:
    """Makes a client of each kind: `connect(url, key, **options)`."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal()) if request.param == "async" else None

        def make(url: str, key: str = "fk_secret", **options: Any) -> Any:
            if portal is None:
                return stack.enter_context(Client(url, key, **options))
            # Made where its loop runs.
            client = portal.call(partial(AsyncClient, url, key, **options))
            stack.enter_context(portal.wrap_async_context_manager(client))
            return Awaited(client, portal)

        yield make
    if portal is not None:
        # A call that is cut off while it connects leaves its socket to the collector, and whatever test runs then.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with faulty_server() as server:
        yield server


@dataclass(frozen=True)
class Site:
    url: str
    key: str


@pytest.fixture(scope="package")
def server(django_db_setup) -> Iterator[str]:
    with web_process(process_environment()) as address:
        yield address


@pytest.fixture
def site(server, transactional_db) -> Site:
    """The product, with a policy in force and a key of alice for everything: it has decided a payment."""
    publish(LARGE, HUGE, *RULES)
    key = issue_key(name="shop", scopes=SCOPES, user=make_user())
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def has_decided() -> bool:
        # Other processes learn of keys and policies within seconds.
        answer = httpx.post(f"{server}/api/v1/decisions/", content=body_of(), headers=headers, timeout=30)
        return answer.status_code == 201

    wait_until(has_decided)
    return Site(server, key)
