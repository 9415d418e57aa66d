"""Who works on a case and who looks at it."""

from django.conf import settings
from django.db import models

from cases.models.case import Case


class Variant(models.TextChoices):
    """What the reviewer of a case was shown."""

    SCORE_FIRST = "score_first", "Score from the start"
    DATA_FIRST = "data_first", "Score after the verdict"


class Handling(models.Model):
    """One claim from start to end: who had the case, when they first saw it, and how it ended."""

    class Ending(models.TextChoices):
        VERDICT = "verdict"
        SKIPPED = "skipped"
        RELEASED = "released"
        EXPIRED = "expired"
        ESCALATED = "escalated"
        SNOOZED = "snoozed"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="handlings")
    # Served by the index below.
    analyst = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="handlings"
    )
    claimed_at = models.DateTimeField()
    first_viewed_at = models.DateTimeField(null=True, blank=True)
    # Of a claim that ran out: when that was noticed.
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=10, choices=Ending.choices, blank=True, default="")
    variant = models.CharField(max_length=11, choices=Variant.choices, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=models.Q(ended_at=None), name="handling_one_running_a_case"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ending="")
                | models.Q(
                    ended_at__isnull=False,
                    ending__in=["verdict", "skipped", "released", "expired", "escalated", "snoozed"],
                ),
                name="handling_ended_somehow",
            ),
        ]
        indexes = [models.Index(fields=["analyst", "ended_at"]), models.Index(fields=["ended_at"])]

    def __str__(self) -> str:
        return f"handling {self.case_id} ({self.ending or 'running'})"


class Presence(models.Model):
    """Somebody has the page of a case open. Says nothing about who may decide it, and is soon forgotten."""

    # Served by the constraint's index.
    case = models.ForeignKey(Case, on_delete=models.CASCADE, db_index=False, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False, related_name="+")
    # Not indexed: it is written all the time, and the table holds the last minutes only.
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "user"], name="presence_one_a_person")]

    def __str__(self) -> str:
        return f"{self.user_id} looks at {self.case_id}"
