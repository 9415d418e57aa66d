"""Who changed what has no history of its own: kept in the admin's history of the row."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model


def record_change(row: Model, *, actor: User, text: str) -> None:
    """In the caller's transaction; append only."""
    LogEntry.objects.log_actions(actor.pk, [row], CHANGE, text, single_object=True)
