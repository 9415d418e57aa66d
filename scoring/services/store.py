"""The feature store of this process."""

from functools import cache

from django.conf import settings

from scoring.features.live import StateStore, ValkeyStore


@cache
def sync_store() -> StateStore:
    """For answers somebody waits for: gives up fast."""
    return ValkeyStore(settings.REDIS_URL, timeout_seconds=settings.FEATURE_STORE_TIMEOUT_SECONDS)


@cache
def batch_store() -> StateStore:
    """For streams and files, which wait rather than decide without features."""
    return ValkeyStore(settings.REDIS_URL, timeout_seconds=30.0)
