"""Decisions made without a part, and what scoring them again found."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Decision, Outcome

# Of a decision that waits: its features are there, whole, or were never missing.
HAS_FEATURES = models.Q(receipt=None) | models.Q(features__isnull=False, lacks_frauds=False)


class RescoringDue(models.Model):
    """A decision that was made without a part and is to be scored again; deleted once it is, or is too old for it.

    Written with the decision: what waits is found without a look at the decisions, of which nearly all are whole.
    """

    decision = models.OneToOneField(Decision, primary_key=True, on_delete=models.CASCADE, related_name="rescoring_due")
    parts = ArrayField(models.CharField(max_length=16), help_text="What the decision was made without.")
    # The row of `PendingFeatures` that counts the payment, where its features were missing. Not a foreign key: that row
    # goes when it likes.
    receipt = models.BigIntegerField(null=True)
    features = models.BinaryField(null=True, help_text="The vector it should have had; of no bytes: it is lost.")
    feature_version = models.CharField(max_length=16, blank=True, default="", db_default="")
    # A rebuild counts all payments first: what it sees of frauds is not yet in the vector.
    lacks_frauds = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    ready_at = models.DateTimeField(null=True, help_text="When its features were there.")

    class Meta:
        verbose_name_plural = "rescorings due"
        indexes = [
            models.Index(fields=["created_at"], name="rescoring_due_since"),
            # In an outage a million may wait, and each second somebody looks whether one is ready.
            models.Index(fields=["decision"], condition=HAS_FEATURES, name="rescoring_due_ready"),
            models.Index(fields=["receipt"], condition=models.Q(receipt__isnull=False), name="rescoring_due_features"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} without {', '.join(self.parts)}"


class Rescoring(models.Model):
    """What scoring a decision again found, that had been made without a part. The decision stays what was answered."""

    decision = models.OneToOneField(Decision, primary_key=True, on_delete=models.PROTECT, related_name="rescoring")
    rescored_at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    score = models.FloatField(null=True, help_text="Calibrated probability of fraud, 0-1; empty without a model.")
    anomaly_score = models.FloatField(null=True)
    reasons = models.JSONField(default=list)
    rule_hits = ArrayField(models.CharField(max_length=64), default=list)
    rule_failures = ArrayField(models.CharField(max_length=64), default=list, db_default=[])
    missing = ArrayField(models.CharField(max_length=16), default=list, help_text="Parts that were missing again.")
    features = models.BinaryField(help_text="float32 vector in the order of the feature table of feature_version.")
    feature_version = models.CharField(max_length=16)
    model_version = models.CharField(max_length=64, blank=True, default="")
    policy_version = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["rescored_at"], name="rescoring_at"),
            # Counted for Prometheus.
            models.Index(fields=["outcome"], name="rescoring_outcome"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="rescoring_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} again: {self.outcome}"
