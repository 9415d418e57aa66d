"""Trained models, and the keys of those who ask."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class ModelVersion(models.Model):
    """A trained model: its artefact, signature, and what is known about it."""

    class Stage(models.TextChoices):
        CANDIDATE = "candidate"
        CHAMPION = "champion"
        RETIRED = "retired"

    version = models.CharField(max_length=64, unique=True)
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    artefact = models.BinaryField(help_text="XGBoost model in UBJSON.")
    signature = models.CharField(max_length=64, help_text="HMAC-SHA-256 of artefact, calibration, feature_version.")
    feature_version = models.CharField(max_length=16)
    calibration_slope = models.FloatField(default=1.0)
    calibration_intercept = models.FloatField(default=0.0)
    metrics = models.JSONField(default=dict)
    labels_as_of = models.DateTimeField()
    trained_from = models.DateTimeField()
    trained_to = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stage"], condition=models.Q(stage="champion"), name="model_one_champion")
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.stage})"


class ApiKey(models.Model):
    """A key of the payment system. Only its SHA-256 is kept: 32 random bytes need no slow hash."""

    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=8), default=list)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"
