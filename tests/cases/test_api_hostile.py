"""What no program should send about cases: always refused as the sender's fault, and nothing changes."""

import json

import pytest
from django.urls import get_resolver

from cases.models import Case, CaseEvent, Verdict
from tests.cases.case_calls import CASES, at, calls_for
from tests.factories import make_case
from tests.scoring.api_calls import fields_named

BODIES = [
    b"{", b"\xff\xfe", b"nul", b"[" * 50_000, b'{"a":' * 50_000, b"1" * 5000, b'{"verdict": NaN}', b"[]", b"null",
    b'"x"', b"7", b'{"verdict": "fraud", "verdict": "legitimate"}', b'{"reason": "x", "reason": "x"}',
    b'{"\\u0000": 1}', b'{"\\ud800": 1}', b'{"__proto__": {}}', b'{"id": 1, "case": 2}',
    b"x" * 300_000, b'{"note": "' + b"x" * 300_000 + b'"}',
]  # fmt: skip
VALUES = [
    None, True, 0, -1, 10**400, 1e300, [], {}, "", "\x00", "\ud800", "\u202e", "x" * 100_000, [[]] * 50,
    {"a": {"b": []}}, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z",
]  # fmt: skip
FIELDS = {
    "claim/": ["renew"], "skip/": ["reason"], "escalate/": ["reason"], "move/": ["queue"], "notes/": ["note"],
    "tags/": ["add", "remove"], "snooze/": ["until", "reason", "seen_alerts"], "reopen/": ["reason"],
    "approve/": ["verdict_id"], "refuse/": ["verdict_id", "reason", "hands_back"],
    "verdict/": [
        "verdict", "typology", "why_wrong", "note", "overrides", "include_recent", "recent", "block_days",
        "allow_device", "seen_alerts",
    ],
}  # fmt: skip


@pytest.fixture
def program(bob):
    return calls_for(bob)


@pytest.fixture
def calls(case):
    return [f"{CASES}next/", *(at(case, f"{name}/") for name in _actions())]


def _actions():
    patterns = get_resolver("cases.api.urls").url_patterns
    return [one.name.removeprefix("api_case_") for one in patterns if str(one.pattern).count("/") == 2][1:]


def test_a_body_that_is_none_is_refused_by_every_call(program, calls, case):
    assert len(calls) == 15
    for url in calls:
        for body in BODIES:
            response = program.post(url, body)

            assert response.status_code in (400, 413, 422), (url, body[:40])
            assert response["Content-Type"] == "application/problem+json"
    assert_untouched(case)


def test_a_name_that_is_there_twice_is_told(program, case):
    response = program.post(at(case, "verdict/"), b'{"verdict": "fraud", "verdict": "legitimate"}')

    assert fields_named(response) == {"verdict"}


def test_a_value_of_any_kind_is_taken_or_refused_with_a_reason(program):
    base = {"verdict": "fraud", "include_recent": True}
    for action, names in FIELDS.items():
        for name in names:
            for value in VALUES:
                case = make_case()
                others = base if action == "verdict/" else {}

                response = program.post(at(case, action), json.dumps({**others, name: value}))

                assert response.status_code < 500, (action, name, value)
                if response.status_code >= 400:
                    assert response["Content-Type"] == "application/problem+json"
                    assert response.json()["detail"]


def assert_untouched(case):
    assert Case.objects.get(id=case.id).claimed_by is None
    assert not CaseEvent.objects.exclude(kind="opened").exists()
    assert not Verdict.objects.exists()
