"""Ending this thread's way to the database, so that what comes next gets a new one."""

from typing import cast

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper


def is_lost() -> bool:
    """Whether nothing can be asked by this thread's connection any more, or there is none."""
    return connection.connection is None or connection.connection.closed


def end_session() -> None:
    """Give the connection back; when it was lost, the others may be as silent, and each would be waited for in turn."""
    if connection.in_atomic_block:
        return
    if is_lost():
        cast(DatabaseWrapper, connection).pool.drain()
    connection.close()
