"""What every test may use: a clean Valkey, forgotten caches, pages without collected files."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.test import TransactionTestCase

from tests.beginning import Beginning


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """After a test that commits, the tables are as the migrations made them."""
    with django_db_blocker.unblock():
        beginning = Beginning()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: beginning.restore())
        yield


@pytest.fixture(autouse=True)
def _clean_process() -> None:
    """Each test starts with a feature store that knows nobody, and a process that remembers nothing."""
    from cases.queries.queue import forget_counts
    from scoring.services import key_book
    from scoring.services.models import forget_champion
    from scoring.services.policy import forget_policy
    from scoring.services.rate_limits import rate_limiter
    from scoring.services.store import batch_store
    from tests.feature_store import open_empty

    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.flushall()
    open_empty(batch_store())
    forget_policy()
    forget_champion()
    forget_counts()
    key_book.forget()
    rate_limiter.cache_clear()


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    """Pages need no collected static files."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client
