"""How far the record has been counted, while others go on writing it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from cases.models import FiguresProgress


@dataclass(frozen=True)
class Seen:
    """Highest ids, and when the oldest transaction that writes such rows began; None if there is none."""

    decision: int
    label: int
    event: int
    oldest_writer_at: datetime | None
    looked_at: datetime


_NEWEST = """
SELECT coalesce((SELECT max(id) FROM scoring_decision), 0), coalesce((SELECT max(id) FROM scoring_label), 0),
  coalesce((SELECT max(id) FROM cases_caseevent), 0)
"""
# Ids are given out before their rows can be seen: a running transaction may still hold lower ones than the highest
# seen. One that begins after this clock was read gets higher ids than those read before it. Who writes a table holds
# this lock on it, or on its sequence, from before its first id to the end; a backup or an idle reader does not.
_RUNNING = """
SELECT (
  SELECT min(xact_start) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid IN (
    SELECT pid FROM pg_locks WHERE mode = 'RowExclusiveLock' AND relation IN (
      'scoring_decision'::regclass, pg_get_serial_sequence('scoring_decision', 'id')::regclass,
      'scoring_label'::regclass, pg_get_serial_sequence('scoring_label', 'id')::regclass,
      'cases_caseevent'::regclass, pg_get_serial_sequence('cases_caseevent', 'id')::regclass
    )
  )
), clock_timestamp()
"""


def look() -> Seen:
    """Which rows there are by now, and since when somebody has been writing more."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        decision, label, event = cursor.fetchone()
        cursor.execute(_RUNNING)
        oldest, looked_at = cursor.fetchone()
    return Seen(decision, label, event, oldest, looked_at)


def keep(progress: FiguresProgress, seen: Seen) -> None:
    """Move on: to what this look saw if nobody else was at work, to what the last saw if all had begun after it."""
    newest = (seen.decision, seen.label, seen.event)
    if seen.oldest_writer_at is None:
        progress.decision_counted, progress.label_counted, progress.event_counted = newest
    elif progress.looked_at is not None and seen.oldest_writer_at > progress.looked_at:
        progress.decision_counted = progress.decision_newest
        progress.label_counted = progress.label_newest
        progress.event_counted = progress.event_newest
    progress.decision_newest, progress.label_newest, progress.event_newest = newest
    progress.looked_at = seen.looked_at
    progress.save()
