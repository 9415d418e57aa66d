"""Effects that must follow a decision, written in its transaction and delivered after it."""

from collections.abc import Sequence

import psycopg
from django.db import connection

CHANNEL = "outbox"
# One statement: each costs the way to the database and back.
_INSERT = """
WITH added AS (INSERT INTO scoring_outbox (topic, ids, payload) VALUES (%s, %s::bigint[], %s) RETURNING id)
SELECT pg_notify(%s, '') FROM added
"""


def array_of(ids: Sequence[int]) -> str:
    """Numbers as PostgreSQL writes an array. Adapting them one by one takes 10 us apiece."""
    return f"{{{','.join(map(str, ids))}}}"


def add_to_outbox(topic: str, ids: Sequence[int], payload: bytes = b"") -> None:
    """Leave effects for the relay and wake it when this transaction commits. Must run inside one.

    `payload`: what is published of these ids, where that is known already.
    """
    if not ids:
        return
    connection.ensure_connection()
    # psycopg's own cursor sends the payload as it is, Django's would write it into the statement in hexadecimal.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_INSERT, [topic, array_of(ids), payload, CHANNEL])
