"""Tables of case work: cases, the alerts in them, their history and handling, and the numbered feed."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from scoring.models import Decision


class Case(models.Model):
    """What an analyst works on: the alerts of one card until somebody decides."""

    class Status(models.TextChoices):
        OPEN = "open"
        DECIDED = "decided"

    class Verdict(models.TextChoices):
        FRAUD = "fraud"
        LEGITIMATE = "legitimate"
        INCONCLUSIVE = "inconclusive"

    class Typology(models.TextChoices):
        STOLEN_CARD = "stolen_card", "Stolen card"
        CARD_TESTING = "card_testing", "Card testing"
        ACCOUNT_TAKEOVER = "account_takeover", "Account takeover"
        FRIENDLY_FRAUD = "friendly_fraud", "Friendly fraud"
        MERCHANT_COLLUSION = "merchant_collusion", "Merchant collusion"
        OTHER = "other", "Other"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    card_id = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    # Expected loss: the sum of score x amount over its payments. Currencies are not converted.
    stake = models.DecimalField(max_digits=20, decimal_places=2)
    currency = models.CharField(max_length=3)
    # Of the payment with the highest stake: what the queue shows in one line.
    amount = models.DecimalField(max_digits=20, decimal_places=4)
    score = models.FloatField(null=True)
    top_reason = models.CharField(max_length=300)
    alert_count = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="claimed_cases",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True, default="")
    typology = models.CharField(max_length=20, choices=Typology.choices, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decided_cases",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [
            ("review_case", "Can claim cases and record verdicts"),
            ("release_case", "Can release the claims of others"),
            ("view_feed", "Can watch the live feed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["card_id"], condition=models.Q(status="open"), name="case_one_open_a_card"),
            models.CheckConstraint(
                condition=models.Q(status="open", verdict="", decided_at=None)
                | models.Q(status="decided", decided_at__isnull=False) & ~models.Q(verdict=""),
                name="case_decided_has_verdict",
            ),
        ]
        indexes = [
            models.Index(fields=["-stake"], condition=models.Q(status="open"), name="case_open_by_stake"),
            models.Index(fields=["card_id"]),
            models.Index(fields=["decided_at"]),
        ]

    def __str__(self) -> str:
        return f"case {self.id} ({self.status})"

    def get_absolute_url(self) -> str:
        return reverse("case_detail", args=[self.id])


class Alert(models.Model):
    """A decision that needs eyes, in the case it opened or joined."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="alerts")
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="alert")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"alert {self.decision_id}"


class CaseEvent(models.Model):
    """The history of a case: who did or saw what, when. Append only."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        JOINED = "joined"
        VIEWED = "viewed"
        CLAIMED = "claimed"
        RELEASED = "released"
        SKIPPED = "skipped"
        VERDICT = "verdict"
        NOTE = "note"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    happened_at = models.DateTimeField()
    text = models.CharField(max_length=2000, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["case", "happened_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.case_id}"


class Handling(models.Model):
    """One claim from start to end: who had the case, when they first saw it, and how it ended."""

    class Ending(models.TextChoices):
        VERDICT = "verdict"
        SKIPPED = "skipped"
        RELEASED = "released"
        EXPIRED = "expired"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="handlings")
    # Served by the index below.
    analyst = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="handlings"
    )
    claimed_at = models.DateTimeField()
    first_viewed_at = models.DateTimeField(null=True, blank=True)
    # Of a claim that ran out: when that was noticed.
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=8, choices=Ending.choices, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=models.Q(ended_at=None), name="handling_one_running_a_case"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at=None, ending="")
                | models.Q(ended_at__isnull=False, ending__in=["verdict", "skipped", "released", "expired"]),
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


class FeedEntry(models.Model):
    """One flagged decision in the order it was shown. `seq` has no gaps: a client knows what it missed."""

    seq = models.BigIntegerField(primary_key=True)
    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="feed_entry")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="feed_entries")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"feed {self.seq}"


class PaymentExport(models.Model):
    """Payments that left in a file: who took them, when, by which search. Append only."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    exported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    exported_at = models.DateTimeField()
    file_format = models.CharField(max_length=8, choices=Format.choices)
    filters = models.JSONField(help_text="What was filled in, by the names of the search's fields.")
    rows = models.PositiveIntegerField()
    is_cut = models.BooleanField(help_text="More payments fitted than an export may have.")

    class Meta:
        default_permissions = ("view",)
        permissions = [("export_payments", "Can export the payments of a search")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(file_format__in=["csv", "parquet"]), name="export_file_format_known"
            )
        ]
        indexes = [models.Index(fields=["exported_at"])]

    def __str__(self) -> str:
        return f"{self.rows} payments as {self.file_format}"
