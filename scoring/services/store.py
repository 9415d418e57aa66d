"""The feature store of this process."""

from functools import cache

from django.conf import settings

from scoring.breaker import Breaker
from scoring.features.live import StateStore, ValkeyStore


@cache
def sync_store() -> StateStore:
    """For answers somebody waits for: gives up fast, and does not ask a store that keeps failing."""
    return ValkeyStore(
        settings.REDIS_URL,
        timeout_seconds=settings.FEATURE_STORE_TIMEOUT_SECONDS,
        breaker=Breaker("The feature store", failures=3, open_seconds=1.0),
    )


@cache
def batch_store() -> StateStore:
    """For streams and files, which wait rather than decide without features."""
    return ValkeyStore(settings.REDIS_URL, timeout_seconds=30.0)
