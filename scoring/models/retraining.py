"""Retraining by itself: what is asked of it, each time it was, and how a new model did against the champion."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from scoring.models.registry import ModelVersion, TrainingRun


class RetrainingSettings(models.Model):
    """When a model is trained without anybody asking, and what becomes of it: one row. A person promotes, always."""

    class Then(models.TextChoices):
        PROPOSE = "propose", "propose it to a manager"
        SHADOW = "shadow", "put it in shadow"

    is_enabled = models.BooleanField(default=False, help_text="Off: models are trained only when somebody asks.")
    every_days = models.PositiveSmallIntegerField(
        default=28,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Days from one training to the next; after a failed one nothing is tried for as long.",
    )
    on_drift = models.BooleanField(default=True, help_text="Train, too, when an alarm of drift was raised since.")
    window_days = models.PositiveSmallIntegerField(
        default=90,
        validators=[MinValueValidator(1), MaxValueValidator(400)],
        help_text="Days of payments to learn from.",
    )
    compare_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text="The newest mature days are kept out of the training: both models are measured on them.",
    )
    maturity_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(3650)],
        help_text="Age from which no label means legitimate; empty: LABEL_MATURITY_DAYS.",
    )
    then = models.CharField(max_length=7, choices=Then.choices, default=Then.PROPOSE)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        default_permissions = ("view", "change")
        verbose_name_plural = "retraining settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="retraining_settings_one_row"),
            models.CheckConstraint(
                condition=models.Q(then__in=["propose", "shadow"]), name="retraining_settings_then_known"
            ),
        ]

    def __str__(self) -> str:
        return "retraining settings"


class Retraining(models.Model):
    """A training that nobody asked for, and what came of it. One at a time."""

    class Outcome(models.TextChoices):
        PROPOSED = "proposed"
        SHADOWED = "shadowed", "put in shadow"
        KEPT = "kept", "stays a candidate"
        FAILED = "failed"

    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="retraining")
    then = models.CharField(max_length=7, choices=RetrainingSettings.Then.choices)
    words = models.CharField(max_length=500, help_text="Why it was trained; then, what came of it.")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["finished_at"],
                condition=models.Q(finished_at=None),
                nulls_distinct=False,
                name="retraining_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(finished_at=None, outcome="")
                | (models.Q(finished_at__isnull=False) & ~models.Q(outcome="")),
                name="retraining_finished_with_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"retraining {self.pk}"


class ModelComparison(models.Model):
    """A model and the champion of that time on the same payments, which neither learnt from. Append only."""

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="comparisons")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="Not included.")
    labels_as_of = models.DateTimeField()
    is_worse = models.BooleanField(help_text="Surely worse: the interval of the difference lies below 0.")
    words = models.CharField(max_length=500)
    figures = models.JSONField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("add", "view")
        constraints = [
            models.CheckConstraint(condition=models.Q(since__lt=models.F("until")), name="comparison_times_in_order"),
            models.CheckConstraint(condition=~models.Q(model=models.F("champion")), name="comparison_of_two"),
        ]
        indexes = [models.Index(fields=["model", "-created_at"], name="comparison_of")]

    def __str__(self) -> str:
        return f"{self.model_id} against {self.champion_id}"
