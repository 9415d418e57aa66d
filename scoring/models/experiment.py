"""Experiments: a challenger against the champion on live payments, and what was known of it day by day."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from scoring.models.registry import ModelVersion


class Experiment(models.Model):
    """What was planned before a challenger began to decide, and how it ended. The plan stays as it was made.

    A payment counts for the metrics of fraud and money once it is `maturity_days` old.
    """

    class Metric(models.TextChoices):
        LOSS = "loss", "Loss per payment"
        PRECISION = "precision", "Precision of alerts"
        FRAUD_RATE = "fraud_rate", "Fraud rate of approved payments"

    class End(models.TextChoices):
        ADOPT = "adopt", "the challenger is to be adopted"
        KEEP = "keep", "the champion stays"
        STOP = "stop", "stopped before it was known"
        LEFT = "left", "the arms were changed"

    challenger = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="experiments")
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    share = models.FloatField(help_text="Of the cards, that the challenger decides for: above 0 and up to 0.5.")
    metric = models.CharField(max_length=10, choices=Metric.choices)
    currency = models.CharField(
        max_length=3, help_text="Of the costs, and of the payments that the loss is counted of."
    )
    false_decline_cost = models.DecimalField(max_digits=20, decimal_places=4)
    review_cost = models.DecimalField(max_digits=20, decimal_places=4)
    least_effect = models.FloatField(help_text="Difference worth knowing: money per payment, or a share (0-1).")
    alpha = models.FloatField(default=0.05, help_text="Probability of seeing a difference that is none.")
    power = models.FloatField(default=0.8, help_text="Probability of seeing a difference of `least_effect`.")
    looks = models.PositiveSmallIntegerField(help_text="0: any day may be the last; else so many planned looks.")
    planned_days = models.PositiveIntegerField(help_text="Days of payments until the planned end.")
    maturity_days = models.PositiveIntegerField()
    baseline = models.JSONField(default=dict, help_text="Traffic it was planned from: units a day, ratio, variance.")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    end = models.CharField(max_length=5, choices=End.choices, blank=True, default="")
    conclusion = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        default_permissions = ("add", "change", "view")
        constraints = [
            # Each further one would be compared with a mixture.
            models.UniqueConstraint(fields=["end"], condition=models.Q(end=""), name="experiment_one_runs"),
            models.CheckConstraint(
                condition=models.Q(end="", ended_at=None) | (~models.Q(end="") & models.Q(ended_at__isnull=False)),
                name="experiment_end_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(challenger=models.F("champion")), name="experiment_two_models"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    share__gt=0, share__lte=0.5, least_effect__gt=0,
                    least_effect__lt=1_000_000_000, alpha__gt=0, alpha__lte=0.2, power__gte=0.5,
                    power__lt=1, planned_days__gte=1,
                ),
                name="experiment_plan_in_bounds",
            ),
            models.CheckConstraint(
                condition=models.Q(looks=0) | models.Q(looks__gte=1, looks__lte=20), name="experiment_looks_in_bounds"
            ),
            models.CheckConstraint(
                condition=models.Q(false_decline_cost__gte=0, review_cost__gte=0), name="experiment_costs_not_negative"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"experiment {self.pk}: {self.challenger_id} against {self.champion_id}"


class ExperimentLook(models.Model):
    """The sums of both arms as they were known at the end of a day (UTC). Append only."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="recorded")
    day = models.DateField()
    figures = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["experiment", "day"], name="experiment_look_once")]

    def __str__(self) -> str:
        return f"{self.experiment_id} by {self.day}"
