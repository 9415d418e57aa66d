"""What every test may use: a clean Valkey, forgotten caches, times and people."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings


@pytest.fixture(autouse=True)
def _clean_process() -> None:
    """Each test starts with an empty Valkey and a process that remembers no policy and no model."""
    from scoring.services.models import forget_champion
    from scoring.services.policy import forget_policy

    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.flushall()
    forget_policy()
    forget_champion()


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client
