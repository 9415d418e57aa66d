"""The numbered feed."""

from django.db import models
from django.db.models.functions import Now

from cases.models.case import Case
from scoring.models import Decision


class FeedEntry(models.Model):
    """One flagged decision in the order it was shown. `seq` has no gaps: a client knows what it missed."""

    seq = models.BigIntegerField(primary_key=True)
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="feed_entry")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="feed_entries")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"feed {self.seq}"
