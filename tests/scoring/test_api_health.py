"""What watches the scoring API: its schema, liveness, readiness, metrics; and that nothing stands open beside them."""

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import OperationalError

from scoring.api import health
from tests.factories import make_user
from tests.scoring.api_calls import DECISIONS
from tests.scoring.payments import body_of


def test_the_schema_is_valid(api):
    response = api.get("/api/schema/")

    assert response.status_code == 200
    assert b"/api/v1/decisions/" in response.content
    call_command("spectacular", "--validate", "--fail-on-warn", file="/dev/null")


def test_a_running_process_is_alive(client):
    assert client.get("/healthz").content == b"ok\n"


def test_it_is_ready_without_a_model(api, client):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["parts"] == {
        "database": "ok", "policy": "ok", "feature_store": "ok", "model": "down",
    }  # fmt: skip


def test_it_is_not_ready_without_a_policy(db, client):
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["parts"]["policy"] == "down"


def test_it_is_not_ready_without_a_database(api, client, monkeypatch):
    def fail() -> None:
        raise OperationalError("password=secret")

    monkeypatch.setitem(health._CHECKS, "database", fail)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert b"secret" not in response.content


def test_it_is_ready_without_a_feature_store(api, client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["parts"]["feature_store"] == "down"


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/metrics"])
def test_what_watches_may_only_look(api, url):
    assert api.post(url, b"").status_code == 405


def test_decisions_are_counted(api):
    def count() -> float:
        lines = api.get("/metrics").content.decode().splitlines()
        wanted = 'fraud_decisions_total{outcome="decline",source="api"}'
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))

    before = count()
    api.post(DECISIONS, body_of(transaction_id="x", amount=9000))
    api.post(DECISIONS, body_of(transaction_id="x", amount=9000))

    assert count() == before + 1


def test_no_scoring_address_lets_a_browser_session_or_nobody_in(client, db):
    client.force_login(make_user("manager"))

    assert client.get(f"{DECISIONS}x/").status_code == 401
    assert django_settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] == ["scoring.api.keys.ApiKeyAuthentication"]
