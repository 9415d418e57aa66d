"""Clears entries away whose time is long over: they act no more, and the trace keeps them."""

from datetime import datetime, timedelta

from django.db import connection

# Those that ended just now wait: a decision on its way may have read the clock before them.
KEPT_FOR = timedelta(hours=1)
_ROWS_AT_ONCE = 5_000
_CLEAR = """
WITH gone AS (
  DELETE FROM scoring_listentry WHERE id IN (
    SELECT id FROM scoring_listentry WHERE expires_at <= %s ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
  ) RETURNING id, kind, entity, value, reason, source, expires_at
)
INSERT INTO scoring_listchange (action, kind, entity, value, reason, source, expires_at, happened_at)
SELECT 'expired', kind, entity, value, reason, source, expires_at, clock_timestamp() FROM gone ORDER BY id
"""


def clear_expired(*, at: datetime) -> int:
    """Take expired entries off their lists, some thousands a transaction; how many. What stood when stays known."""
    cleared = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_CLEAR, [at - KEPT_FOR, _ROWS_AT_ONCE])
            gone: int = cursor.rowcount
        cleared += gone
        if gone < _ROWS_AT_ONCE:
            return cleared
