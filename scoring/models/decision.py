"""Decisions: payments, and what was decided of them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Outcome(models.TextChoices):
    """From mild to severe; a decision takes the severest that anything asked for."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class Decision(models.Model):
    """One payment and what was decided about it: all that is needed to explain and reproduce it. Immutable."""

    transaction_id = models.CharField(max_length=64, unique=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    # The payment
    amount = models.DecimalField(max_digits=20, decimal_places=4)
    currency = models.CharField(max_length=3)
    card_id = models.CharField(max_length=64)
    merchant_id = models.CharField(max_length=64)
    customer_id = models.CharField(max_length=64, blank=True, default="")
    device_id = models.CharField(max_length=64, blank=True, default="")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    merchant_name = models.CharField(max_length=128, blank=True, default="")
    merchant_category = models.CharField(max_length=4, blank=True, default="")
    # The payment as it was sent: what a second arrival is compared with, and reproduction starts from.
    record = models.JSONField()
    # The decision
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    score = models.FloatField(null=True, help_text="Calibrated probability of fraud, 0-1; empty without a model.")
    anomaly_score = models.FloatField(null=True)
    reasons = models.JSONField(default=list)
    rule_hits = ArrayField(models.CharField(max_length=64), default=list)
    rule_failures = ArrayField(
        models.CharField(max_length=64), default=list, db_default=[], help_text="Rules that could not be computed."
    )
    degraded = ArrayField(models.CharField(max_length=16), default=list)
    is_late = models.BooleanField(default=False)
    latency_ms = models.FloatField()
    # What it was decided with
    features = models.BinaryField(help_text="float32 vector in the order of the feature table of feature_version.")
    feature_version = models.CharField(max_length=16)
    model_version = models.CharField(max_length=64, blank=True, default="")
    policy_version = models.PositiveIntegerField()
    # Where it came from
    source = models.CharField(max_length=128, help_text="api, stream:<topic>/<partition> or file:<name>.")
    position = models.CharField(max_length=64, blank=True, default="", help_text="Offset or row number in the source.")

    class Meta:
        indexes = [
            models.Index(fields=["card_id", "occurred_at"]),
            models.Index(fields=["merchant_id", "occurred_at"]),
            models.Index(
                fields=["device_id", "occurred_at"], condition=~models.Q(device_id=""), name="decision_device"
            ),
            models.Index(
                fields=["ip_address", "occurred_at"], condition=models.Q(ip_address__isnull=False), name="decision_ip"
            ),
            models.Index(
                fields=["customer_id", "occurred_at"], condition=~models.Q(customer_id=""), name="decision_customer"
            ),
            # The amount is looked at in the index: of the payments of a week few rows are then read.
            models.Index(fields=["occurred_at", "amount"], name="decision_time_amount"),
            models.Index(
                fields=["occurred_at"], condition=models.Q(outcome__in=["review", "decline"]), name="decision_flagged"
            ),
            models.Index(fields=["decided_at"]),
            # What met rules and what they failed on is found without the many that met none.
            models.Index(fields=["occurred_at"], condition=~models.Q(rule_hits=[]), name="decision_hit"),
            models.Index(fields=["decided_at"], condition=~models.Q(rule_failures=[]), name="decision_failed"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="decision_amount_positive"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="decision_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_id}: {self.outcome}"
