"""Ending this thread's way to the database, so that what comes next gets a new one."""

from typing import cast

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper


def is_lost() -> bool:
    """Whether nothing can be asked by this thread's connection any more, or there is none."""
    return connection.connection is None or connection.connection.closed


def end_session(*, is_outage: bool = False) -> None:
    """Give the connection back; when the database is away, the others may be as silent, and each would be waited for.

    is_outage: that is known. Otherwise it is taken from the connection being lost.
    """
    if connection.in_atomic_block:
        return
    if is_outage or is_lost():
        cast(DatabaseWrapper, connection).pool.drain()
    connection.close()
