"""Who may open and send what: every address of the URL conf, every role, every scope of an API key, and nobody.

An address that is not in `access_tables` fails, whatever it does: say there who may. What a call does for whom it lets
in, and with whose cases, is tested with its view.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from cases.models import Case
from scoring.services.keys import SCOPES, issue_key
from tests.factories import make_user
from tests.fraudapp.access_tables import ADMIN, ADMIN_PAGES, API, CONSOLE, OPEN
from tests.scoring.api_world import PUBLISHED, World, make_world, scope_of

ROLES = ["analyst", "lead", "manager", "auditor", None]
KINDS = {"a": "add", "c": "change", "d": "delete"}


def routes(patterns=None, before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Name and pattern of each address that has a name; the admin's without one lead to one that has."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        if not isinstance(one, URLPattern):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from routes(one.url_patterns, f"{before}{one.pattern}", inner)
        elif one.name:
            yield f"{space}{one.name}", f"{before}{one.pattern}"


PATTERNS = dict(routes())


def rows(table: str) -> dict[tuple[str, ...], list[str]]:
    """Cells by method and name, or by the name of a model."""
    split = [line.split() for line in table.strip().splitlines()]
    length = 2 if split[-1][0] in ("GET", "POST") else 1
    return {tuple(cells[:length]): cells[length:] for cells in split if cells[0] != "analyst"}


def address(name: str, values: dict[str, object]) -> str:
    wanted = re.findall(r"<(?:\w+:)?(\w+)>", PATTERNS[name])
    return reverse(name, kwargs={one: values[one] for one in wanted})


@pytest.fixture
def world(db) -> World:
    return make_world()


@pytest.fixture
def people(db) -> dict[str | None, User]:
    return {role: make_user(role, username=f"of-{role}") for role in ROLES}


@pytest.fixture
def values(world) -> dict[str, object]:
    """What stands in the console's addresses."""
    case = Case.objects.get(id=world.path["open"]["id"])
    return {
        "case_id": case.id, "decision_id": case.alerts.get().decision_id, "verdict_id": world.verdict_id,
        "file_id": case.id, "view_id": 1, "entry_id": 1, "check_id": 1, "backtest_id": 1, "place": 0, "kind": "device",
        "name": "device-1", "file_format": "csv", "app_label": "cases", "object_id": "0", "content_type_id": 999_999,
        "id": "0", "version": 1, "step": "publish", "action": "promote", "code": "large",
        "alarm_id": 1, "experiment_id": 1, "run_id": 1,
    }  # fmt: skip


def ask(user: User | None, method: str, url: str):
    """The answer; nothing of what was asked stays."""
    client = Client()
    with undone():
        if user is not None:
            client.force_login(user)
        return client.get(url) if method == "GET" else client.post(url)


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def is_sent_to_login(response) -> bool:
    return response.status_code == 302 and "/login/?next=" in response.url


def is_let_in(response) -> bool:
    assert response.status_code < 500
    return response.status_code not in (401, 403) and not is_sent_to_login(response)


def test_every_address_is_in_a_table():
    models = [name for (name,) in rows(ADMIN)]
    known = {
        *OPEN,
        *(name for table in (CONSOLE, API) for _, name in rows(table)),
        *(f"admin:{name}" for _, name in rows(ADMIN_PAGES)),
        *(f"admin:{model}_{kind}" for model in models for kind in ("changelist", "history", *KINDS.values())),
    }

    assert known == PATTERNS.keys()


def test_the_console_lets_in_whom_it_should(people, values, subtests):
    for (method, name), cells in rows(CONSOLE).items():
        url = address(name, values)
        with subtests.test(method=method, name=name):
            assert is_sent_to_login(ask(None, method, url))
            for role, cell in zip(ROLES, cells, strict=True):
                response = ask(people[role], method, url)
                assert is_let_in(response) if cell == "x" else response.status_code == 403, role


def test_the_console_takes_no_other_method(people, values, subtests):
    there = rows(CONSOLE).keys()

    for method, name in [(method, name) for _, name in there for method in ("GET", "POST")]:
        if (method, name) not in there:
            with subtests.test(method=method, name=name):
                assert ask(people["lead"], method, address(name, values)).status_code == 405


def test_the_admin_lets_in_whom_it_should(people, values, subtests):
    for (method, name), cells in rows(ADMIN_PAGES).items():
        url = address(f"admin:{name}", values)
        with subtests.test(method=method, name=name):
            assert is_sent_to_login(ask(None, method, url))
            for role, cell in zip(ROLES, cells, strict=True):
                assert is_let_in(ask(people[role], method, url)) == (cell == "x"), role


def test_tables_of_the_admin_are_read_and_changed_by_whom_they_should(people, subtests):
    for (model,), cells in rows(ADMIN).items():
        urls = {
            letter: reverse(f"admin:{model}_{kind}", args=["0"] * (letter != "a")) for letter, kind in KINDS.items()
        }
        with subtests.test(model=model):
            for url in (reverse(f"admin:{model}_changelist"), *urls.values()):
                assert is_sent_to_login(ask(None, "GET", url))
            for role, cell in zip(ROLES, cells, strict=True):
                user = people[role]
                may = "l" if is_let_in(ask(user, "GET", reverse(f"admin:{model}_changelist"))) else ""
                # A row that is not there: who may not change it is told so, not that there is none.
                answers = {letter: ask(user, "POST", url) for letter, url in urls.items()}
                may += "".join(letter for letter, one in answers.items() if is_let_in(one) and one.status_code != 404)
                assert (may or "-") == cell, role


def test_each_call_of_the_api_is_opened_by_its_scope_alone(world, people, subtests):
    keys = {scope: issue_key(name=scope, scopes=[scope], user=world.program) for scope in SCOPES}

    for (method, name), (scope,) in rows(API).items():
        call = _published(name, method)
        url = address(name, world.path_of(call))
        body = world.good_body(call) if call else None
        with subtests.test(method=method, name=name):
            assert scope_of(call) == scope if call else name in ("metrics", "schema")
            assert _status(method, url, body) == 401
            assert _status(method, url, body, key="fk_wrong") == 401
            assert ask(people["manager"], method, url).status_code == (200 if scope == "any" else 401)
            for of_key, key in keys.items():
                status = _status(method, url, body, key=key)
                assert status in (200, 201) if scope in (of_key, "any") else status == 403, of_key


def _published(name: str, method: str) -> str:
    """Operation id of a call; empty: it is in no schema."""
    path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", PATTERNS[name])
    operation: str = PUBLISHED["paths"].get(path, {}).get(method.lower(), {}).get("operationId", "")
    return operation


def _status(method: str, url: str, body, *, key: str = "") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with undone():
        client = Client()
        if method == "GET":
            return client.get(url, headers=headers).status_code
        return client.post(url, body or {}, content_type="application/json", headers=headers).status_code


def test_what_is_open_tells_nothing_but_that_it_is_there(client, world):
    for name in OPEN - {"logout", "admin:logout"}:
        assert client.get(reverse(name)).status_code == 200
    for name in ("logout", "admin:logout"):
        assert client.post(reverse(name)).status_code == 302
