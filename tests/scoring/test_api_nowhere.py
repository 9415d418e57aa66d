"""What no view of the API answers: addresses that are none, faults of ours."""

import pytest

from scoring.api import views
from tests.scoring.api_calls import DECISIONS, problem_of
from tests.scoring.payments import body_of


@pytest.mark.parametrize(
    "address", ["nothing/", "cases/no-uuid/", "cases/7c1f3a52-6d0e-4a53-9a0f-0f7a5b1f2c11/nothing/", "decisions/a/b/c/"]
)
def test_an_address_that_is_none_is_a_problem(api, address):
    problem_of(api.get(f"/api/v1/{address}"), 404)
    problem_of(api.post(f"/api/v1/{address}", b"{}"), 404)


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(api, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("secret")

    monkeypatch.setattr(views, "decode", fail)
    api.client.raise_request_exception = False

    response = api.post(DECISIONS, body_of())

    problem_of(response, 500)
    assert b"secret" not in response.content


def test_pages_keep_their_own(client, db):
    assert client.get("/nowhere/")["Content-Type"].startswith("text/html")
