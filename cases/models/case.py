"""Cases, the alerts in them, and their history."""

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Cast, Ln, Now
from django.urls import reverse

from cases.evidence import RANDOM_AUDIT
from cases.hands import key_id_of
from cases.models.headline import Headline
from cases.models.queue import Queue
from scoring.models import Decision


def _log2(value: F, more: float) -> models.expressions.CombinedExpression:
    return Ln(Cast(value, models.FloatField()) + Value(more)) / Value(0.6931471805599453)


def _seconds(time: F) -> Func:
    """Since 1970, as an expression that an index and a generated column may hold."""
    since = "extract(epoch FROM %(expressions)s - timestamptz '1970-01-01 00:00:00+00')::float8"
    return Func(time, template=since, output_field=models.FloatField())


class Case(Headline):
    """What an analyst works on: the alerts of one card until somebody decides."""

    class Status(models.TextChoices):
        OPEN = "open"
        # A verdict was said and waits for a second person.
        APPROVAL = "approval", "Waiting for approval"
        DECIDED = "decided"
        # Its payments went into an older case of the card that was opened again.
        MERGED = "merged"

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
    # Empty only where a process of before queues has written it; the clock's next turn puts it into the default.
    queue = models.ForeignKey(Queue, null=True, on_delete=models.PROTECT, related_name="cases")
    # Of its queue.
    half_life_minutes = models.PositiveIntegerField(default=30, db_default=30)
    # Which of two cases of a half-life weighs more never changes while time goes on (docs/decisions/0011): a column
    # that follows stake, due_at and half-life by itself, in the order work is handed out.
    rank = models.GeneratedField(
        expression=_log2(F("stake"), 1.0) - _seconds(F("due_at")) / (F("half_life_minutes") * Value(60.0)),
        output_field=models.FloatField(),
        db_persist=True,
    )
    warned_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    # Somebody chose its queue: alerts that join do not.
    is_placed = models.BooleanField(default=False, db_default=False)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="claimed_cases",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    # Out of the queue until then. A time that has passed counts as none.
    snoozed_until = models.DateTimeField(null=True, blank=True)
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
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="merged_cases"
    )

    class Meta:
        permissions = [
            ("review_case", "Can claim cases and record verdicts"),
            ("release_case", "Can release the claims of others"),
            ("view_feed", "Can watch the live feed"),
            ("snooze_past_due", "Can snooze cases past the time they are due"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["card_id"], condition=models.Q(status="open"), name="case_one_open_a_card"),
            models.CheckConstraint(
                condition=models.Q(status__in=["open", "approval", "merged"], verdict="", decided_at=None)
                | models.Q(status="decided", decided_at__isnull=False) & ~models.Q(verdict=""),
                name="case_decided_has_verdict",
            ),
            models.CheckConstraint(
                condition=models.Q(status="merged", merged_into__isnull=False)
                | ~models.Q(status="merged") & models.Q(merged_into=None),
                name="case_merged_into_another",
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "-rank"], condition=models.Q(status="open"), name="case_open_by_rank"),
            models.Index(fields=["queue", "due_at"], condition=models.Q(status="open"), name="case_open_by_due"),
            models.Index(fields=["due_at"], condition=models.Q(status="approval"), name="case_to_approve"),
            models.Index(fields=["-stake"], condition=models.Q(status="open"), name="case_open_by_stake"),
            models.Index(fields=["-amount"], condition=models.Q(status="open"), name="case_open_by_amount"),
            models.Index(fields=["due_at"], condition=models.Q(status="open"), name="case_open_by_time_left"),
            models.Index(fields=["opened_at"], condition=models.Q(status="open"), name="case_open_by_age"),
            models.Index(fields=["card_id"]),
            models.Index(fields=["decided_at"]),
            models.Index(
                fields=["snoozed_until"], condition=models.Q(snoozed_until__isnull=False), name="case_snoozed"
            ),
        ]

    def __str__(self) -> str:
        return f"case {self.id} ({self.status})"

    def get_absolute_url(self) -> str:
        return reverse("case_detail", args=[self.id])

    @property
    def is_audit(self) -> bool:
        """Whether chance alone brought its payment to the desk."""
        return self.alert_count == 1 and self.reason_codes[:1] == [RANDOM_AUDIT]

    def is_snoozed(self, now: datetime) -> bool:
        return self.snoozed_until is not None and self.snoozed_until > now


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
        MOVED = "moved"
        ESCALATED = "escalated"
        WARNED = "warned"
        SNOOZED = "snoozed"
        WOKEN = "woken"
        REOPENED = "reopened"
        UNDONE = "undone"
        APPROVED = "approved"
        REFUSED = "refused"
        EFFECTS = "effects", "Took effect"
        MERGED = "merged"
        TAGGED = "tagged"
        ATTACHED = "attached"
        PRINTED = "printed"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    # The key a program acted by in this person's name; empty for what they did themselves.
    api_key = models.ForeignKey(
        "scoring.ApiKey", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    happened_at = models.DateTimeField()
    text = models.CharField(max_length=2000, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["case", "happened_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.case_id}"

    def save(self, **options: Any) -> None:
        """Written by a program, it names the key; what is written in bulk names it itself."""
        if self._state.adding and self.api_key_id is None:
            self.api_key_id = key_id_of(self.actor)
        super().save(**options)
