"""Starts PostgreSQL and Valkey before Django reads its settings; loaded by `-p tests.servers`.

Servers named in TEST_DATABASE_URL and TEST_REDIS_URL are used instead of embedded ones; their data is deleted, which
is why DATABASE_URL and REDIS_URL are not taken.
"""

import os
import tempfile

import pytest

from fraudapp.embedded import TestServers, start_test_servers

_started: TestServers | None = None


def _start() -> TestServers | None:
    if "TEST_DATABASE_URL" in os.environ and "TEST_REDIS_URL" in os.environ:
        os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
        os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"]
        return None
    servers = start_test_servers()
    os.environ["DATABASE_URL"] = servers.database_url
    os.environ["REDIS_URL"] = servers.redis_url
    return servers


def pytest_unconfigure(config: pytest.Config) -> None:
    if _started is not None:
        _started.stop()


_started = _start()
os.environ["STREAM_URL"] = os.environ["REDIS_URL"].replace("redis://", "valkey://", 1)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("MODEL_SIGNING_KEY", "only-for-tests-" + "y" * 40)
os.environ.setdefault("SECURE_TRANSPORT", "false")
os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
# A busy machine must not make tests see a slow store or a late answer.
os.environ.setdefault("FEATURE_STORE_TIMEOUT_SECONDS", "1")
os.environ.setdefault("DECISION_PATIENCE_SECONDS", "30")
os.environ.setdefault("DATABASE_POOL_TIMEOUT_SECONDS", "30")
os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(tempfile.gettempdir(), f"fraudapp-numba-{os.getuid()}"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
