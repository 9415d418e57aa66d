"""What leaves or is counted after a decision is stored, and is not lost when a process dies in between."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Outbox(models.Model):
    """Effects that leave after their decisions are stored: one row a batch and topic, deleted once delivered."""

    class Topic(models.TextChoices):
        DECISIONS = "decisions"
        ALERTS = "alerts"
        LABELS = "labels"
        VERDICTS = "verdicts"
        DEAD_LETTERS = "dead-letters"
        SHADOW = "shadow"
        SHADOW_MODELS = "shadow-models"
        EXPLANATIONS = "explanations"

    topic = models.CharField(max_length=16, choices=Topic.choices)
    # Ids of decisions (decisions, alerts, verdicts, shadow, shadow-models, explanations), labels or dead letters.
    ids = ArrayField(models.BigIntegerField())
    # What is published, encoded with its batch: MessagePack of [[key, body], ...].
    payload = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.topic} x {len(self.ids)}"


# Decided without features, and what its payments met is yet to be noted.
IS_UNSEEN = models.Q(is_degraded=True, settled_at=None)


class PendingFeatures(models.Model):
    """A batch whose payments and labels are recorded, and not yet known to be counted in the feature store.

    Its id is the receipt that the store keeps with the states: whoever finds the row applies it, and it counts once.
    """

    writer = models.CharField(max_length=128, help_text="stream:<topic>, api, file:<name> or labels.")
    decision_ids = ArrayField(models.BigIntegerField(), default=list)
    label_ids = ArrayField(models.BigIntegerField(), default=list)
    # Its writer had no store to write to: nobody comes back for it, and what its payments met is yet to be noted.
    is_degraded = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, help_text="When somebody else than the writer counted it.")

    class Meta:
        verbose_name_plural = "pending features"
        # Of a long outage a million wait unseen, and each turn somebody looks for the others.
        indexes = [models.Index(fields=["id"], condition=~IS_UNSEEN, name="pending_features_seen")]

    def __str__(self) -> str:
        return f"{self.writer}: {len(self.decision_ids)} payments, {len(self.label_ids)} labels"


class FeatureRebuild(models.Model):
    """A run that makes the feature store again from the record, and how far it is."""

    token = models.CharField(max_length=32, unique=True)
    feature_version = models.CharField(max_length=16)
    pending = models.JSONField(default=list, help_text="Ids of the feature writes that were not settled when it began.")
    last_decision_id = models.BigIntegerField(default=0)
    last_label_id = models.BigIntegerField(default=0)
    payments = models.BigIntegerField(default=0)
    labels = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.token}: {self.payments} payments"
