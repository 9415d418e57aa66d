"""Stores that know no earlier test, a policy, a program that may call the scoring API, an engine, limiters."""

import pytest

from scoring.models import Policy
from scoring.services.decider import forget_outages
from scoring.services.keys import SCOPES, issue_key
from scoring.services.rate_limits import RateLimiter
from scoring.services.store import batch_store, sync_store
from tests.factories import make_user
from tests.scoring.api_calls import Caller
from tests.scoring.decider_world import Engine
from tests.scoring.degraded import CountModel, install
from tests.scoring.payments import publish
from tests.scoring.rate_limit_world import PERIOD, Process


@pytest.fixture(autouse=True)
def _fresh_stores() -> None:
    """Tests change where the stores are."""
    sync_store.cache_clear()
    batch_store.cache_clear()
    forget_outages()


@pytest.fixture
def live(db) -> Policy:
    return publish()


@pytest.fixture
def api(db, client) -> Caller:
    publish()
    return Caller(client, issue_key(name="shop", scopes=SCOPES, user=make_user(username="program")))


@pytest.fixture
def champion(monkeypatch) -> CountModel:
    return install(monkeypatch, CountModel())


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def process(settings) -> Process:
    """Makes the limiter of one more web process; one that a busy machine makes wait does not give Valkey up."""

    def make(url: str = settings.REDIS_URL) -> RateLimiter:
        return RateLimiter(url, timeout_seconds=30.0, period_seconds=PERIOD)

    return make
