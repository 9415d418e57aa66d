"""People with roles."""

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils.timezone import now

from cases.models import Case
from cases.services import figures
from scoring.models import Policy
from scoring.services import key_book
from scoring.services.policy import RuleDraft
from tests.cases import threshold_world
from tests.cases.case_calls import calls_for
from tests.factories import HOUR, make_case, make_decision, make_service_account, make_user
from tests.scoring.api_calls import Caller
from tests.scoring.payments import publish


@pytest.fixture
def alice(db) -> User:
    return make_user("analyst")


@pytest.fixture
def bob(db) -> User:
    return make_user("lead")


@pytest.fixture
def mia(db) -> User:
    return make_user("manager")


@pytest.fixture
def max_(db) -> User:
    return make_user("manager", username="max")


@pytest.fixture
def aude(db) -> User:
    return make_user("auditor")


@pytest.fixture
def mallory(db) -> User:
    return make_user(None)


@pytest.fixture
def program(alice) -> Caller:
    """A program that acts for alice."""
    return calls_for(alice)


@pytest.fixture
def keys_in_memory(program, monkeypatch) -> None:
    """The process has just read the keys and does not read them again: queries counted are those of the calls."""
    key_book.refresh()
    monkeypatch.setattr(key_book, "RECHECK_SECONDS", 3600.0)


@pytest.fixture
def case(db) -> Case:
    return make_case()


@pytest.fixture
def pair(db):
    """A case of two payments, `t-0` and `t-1`; its card has `t-near`, and another card `t-far`."""
    moment = now() - HOUR
    pair = [make_decision(card_id="k", transaction_id=f"t-{n}", device_id="d-k", occurred_at=moment) for n in range(2)]
    make_decision(card_id="k", transaction_id="t-near", outcome="approve", occurred_at=moment, device_id="d-near")
    make_decision(card_id="far", transaction_id="t-far", occurred_at=moment)
    return make_case(decisions=pair)


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def as_mia(client, mia):
    client.force_login(mia)
    return client


@pytest.fixture
def search(client, alice):
    client.force_login(alice)
    return lambda **fields: client.get("/search/", fields)


@pytest.fixture
def look(client, mia):
    """Count what is recorded and look at the page; what it says, without the marks."""
    client.force_login(mia)

    def look_at(address="", *, status=200):
        figures.refresh_figures(now=now())
        response = client.get(f"/dashboard/{address}")
        assert response.status_code == status
        return response

    return look_at


@pytest.fixture
def says(db):
    """A service account that reviews."""
    return make_service_account(username="says-bot")


@pytest.fixture
def approves(db):
    """A service account that leads."""
    return make_service_account("lead", username="approves-bot")


@pytest.fixture
def zoe(db):
    return make_user("manager", username="zoe")


@pytest.fixture
def other_connection():
    database = connection.settings_dict
    with psycopg.connect(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        host=database["HOST"],
        port=database["PORT"],
        autocommit=True,
    ) as other:
        yield other


@pytest.fixture
def threshold_policy(db) -> Policy:
    """In force: thresholds 0.5 and 0.9, a rule."""
    return publish(RuleDraft("look", "amount > 5000", "review", "x"))


@pytest.fixture
def look_at_thresholds(as_mia, threshold_policy):
    def look_at(address="", *, status=200):
        threshold_world.count()
        response = as_mia.get(f"{threshold_world.ADDRESS}{address}")
        assert response.status_code == status
        return response

    return look_at
