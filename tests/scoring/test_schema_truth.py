"""Every call of the published schema, with what it describes and with what it does not: it answers as it says.

A call that is added is tried out by itself; where its example names something that is not in the world of
`api_world`, `good_body` there has to name what is.
"""

from contextlib import contextmanager
from copy import deepcopy

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks

from scoring.services.keys import SCOPES, issue_key
from tests.scoring.api_calls import Caller, problem_of
from tests.scoring.api_world import PUBLISHED, World, make_world, scope_of

SCHEMA = deepcopy(PUBLISHED)
for published_calls in SCHEMA["paths"].values():
    for published_call in published_calls.values():
        # Who may call is asked with keys of ours, not with what is made up here.
        del published_call["security"]
CALLS = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in schemathesis.openapi.from_dict(SCHEMA).get_all_operations()
}
WITH_MORE = [
    name
    for name, call in CALLS.items()
    if "requestBody" in call.definition.raw
    or any(parameter["in"] == "query" for parameter in call.definition.raw.get("parameters", []))
]
# What is described may still be refused: a queue that is not there. What is not described is refused, if EXACT.
LOOSE = [checks.negative_data_rejection, checks.positive_data_acceptance, checks.unsupported_method]
EXACT = [checks.positive_data_acceptance, checks.unsupported_method]


@pytest.fixture
def world(db) -> World:
    return make_world()


def key_with(world: World, scopes: list[str]) -> str:
    return issue_key(name="tried", scopes=scopes, user=world.program, rate_limit=1_000_000)


def answer_to(case: Case, key: str) -> Response:
    """What the product answers, as schemathesis reads it. Each call meets the same world."""
    options = case.as_transport_kwargs(base_url="http://testserver")
    known = ("method", "url", "headers", "files", "data", "json", "params", "cookies")
    sent = requests.Request(**{name: options[name] for name in known if name in options}).prepare()
    headers = {name: value for name, value in sent.headers.items() if not name.lower().startswith("content-")}
    body = sent.body.encode() if isinstance(sent.body, str) else sent.body or b""
    with undone():
        answer = Client(raise_request_exception=False).generic(
            sent.method,
            sent.path_url,
            body,
            content_type=sent.headers.get("Content-Type", ""),
            headers=headers | ({"Authorization": f"Bearer {key}"} if key else {}),
        )
    told = {name.lower(): [value] for name, value in answer.headers.items()}
    return Response(answer.status_code, told, answer.content, sent, elapsed=0.0, verify=False)


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def try_out(call: str, mode: GenerationMode, key: str, *, path: dict, examples: int, excluded=LOOSE) -> set[int]:
    """The statuses of what was answered, each as the schema says."""
    statuses = set()

    def check(case: Case) -> None:
        response = answer_to(case, key)
        statuses.add(response.status_code)
        case.validate_response(response, excluded_checks=excluded)

    bounded = settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    bounded(given(CALLS[call].as_strategy(generation_mode=mode, path_parameters=path))(check))()
    return statuses


def test_a_good_call_succeeds_as_described(world, subtests):
    key = key_with(world, SCOPES)

    for call in CALLS:
        with subtests.test(call=call):
            body = world.good_body(call)
            sent = {} if body is None else {"body": body, "media_type": "application/json"}
            case = CALLS[call].Case(path_parameters=world.path_of(call), **sent)
            response = answer_to(case, key)
            assert response.status_code in (200, 201), response.content
            case.validate_response(response, excluded_checks=LOOSE)


@pytest.mark.slow
def test_what_is_described_is_answered_as_described(world, subtests):
    key = key_with(world, SCOPES)

    for call in CALLS:
        with subtests.test(call=call):
            statuses = try_out(call, GenerationMode.POSITIVE, key, path=world.path_of(call), examples=25)
            assert statuses <= {200, 201, 204, 403, 404, 409, 422}


@pytest.mark.slow
def test_what_is_not_described_is_answered_as_described(world, subtests):
    key = key_with(world, SCOPES)

    for call in WITH_MORE:
        with subtests.test(call=call):
            # Each payment of a batch is refused by itself; all of an address is text.
            excluded = LOOSE if call in ("decide_batch", "list_cases", "case_history", "labels_of") else EXACT
            path = world.path_of(call)
            statuses = try_out(call, GenerationMode.NEGATIVE, key, path=path, examples=25, excluded=excluded)
            assert statuses & {400, 404, 409, 422} or call == "decide_batch"


@pytest.mark.slow
def test_without_a_key_and_without_its_scope_nothing_else_is_told(world, subtests):
    keys = {scope: key_with(world, [other for other in SCOPES if other != scope]) for scope in SCOPES}

    for call in CALLS:
        with subtests.test(call=call):
            path, narrow = world.path_of(call), keys[scope_of(call)]
            for mode in [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if call in WITH_MORE else [])]:
                assert try_out(call, mode, "", path=path, examples=3) == {401}
                assert try_out(call, mode, narrow, path=path, examples=3) == {403}


def test_a_method_that_is_not_described_is_refused(world, subtests):
    caller = Caller(Client(), key_with(world, SCOPES))
    methods = {"get", "post", "put", "patch", "delete"}

    for call, operation in CALLS.items():
        there = PUBLISHED["paths"][operation.path].keys()
        for method in sorted(methods - there):
            with subtests.test(call=call, method=method):
                path = operation.path.format(**world.path_of(call))
                answer = getattr(caller.client, method)(path, headers=caller.headers)
                problem_of(answer, 405)
                assert {one.lower() for one in answer["Allow"].split(", ")} >= there
