"""The product's web process on the test database, for tests that call it from outside."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection
from psycopg.conninfo import make_conninfo

from fraudapp.embedded import free_port
from tests.waiting import wait_until


def process_environment() -> dict[str, str]:
    """What the product's own processes need to run on the test database, which is there already."""
    database = connection.settings_dict
    given = {
        "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
        "DATABASE_URL": make_conninfo(
            dbname=database["NAME"],
            user=database["USER"],
            password=database["PASSWORD"],
            host=database["HOST"],
            port=database["PORT"],
        ),
        "ALLOWED_HOSTS": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
    }
    return {**os.environ, **given}


@contextmanager
def web_process(environment: Mapping[str, str]) -> Iterator[str]:
    """Run uvicorn on a free port; its address, once it listens."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "fraudapp.asgi:application", "--port", str(port)]
    with subprocess.Popen([*command, "--log-level", "warning"], env=environment) as process:
        try:
            wait_until(lambda: _is_open(port, process))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _is_open(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server did not start"
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
