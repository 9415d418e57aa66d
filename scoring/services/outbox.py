"""Effects that must follow a decision, written in its transaction and delivered after it."""

from collections.abc import Sequence

from django.db import connection

from scoring.models import Outbox

CHANNEL = "outbox"


def add_to_outbox(topic: str, ids: Sequence[int]) -> None:
    """Leave effects for the relay and wake it when this transaction commits. Must run inside one."""
    if not ids:
        return
    Outbox.objects.create(topic=topic, ids=list(ids))
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")
