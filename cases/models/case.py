"""Cases, the alerts in them, and their history."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse

from cases.models.headline import Headline
from scoring.models import Decision


class Case(Headline):
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
            models.Index(fields=["-amount"], condition=models.Q(status="open"), name="case_open_by_amount"),
            models.Index(fields=["due_at"], condition=models.Q(status="open"), name="case_open_by_time_left"),
            models.Index(fields=["opened_at"], condition=models.Q(status="open"), name="case_open_by_age"),
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
        ESCALATED = "escalated"
        WARNED = "warned"
        SNOOZED = "snoozed"
        WOKEN = "woken"
        REOPENED = "reopened"
        UNDONE = "undone"
        APPROVED = "approved"
        REFUSED = "refused"
        TAGGED = "tagged"
        ATTACHED = "attached"
        PRINTED = "printed"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    happened_at = models.DateTimeField()
    text = models.CharField(max_length=2000, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["case", "happened_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.case_id}"
