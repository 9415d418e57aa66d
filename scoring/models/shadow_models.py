"""What models in shadow say of the payments that are decided, beside what was decided."""

from django.db import models

from scoring.models.decision import Decision, Outcome
from scoring.models.registry import ModelVersion


class ShadowModelFigures(models.Model):
    """Payments of a day (UTC, by `decided_at`) by what was decided and what the model's score would have led to."""

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="shadow_figures")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, help_text="What was decided.")
    shadow_outcome = models.CharField(
        max_length=8, choices=Outcome.choices, blank=True, help_text="Empty: the model could not be asked."
    )
    payments = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=4)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["model", "day", "currency", "outcome", "shadow_outcome"], name="shadow_model_figures_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_id} {self.day} {self.outcome} -> {self.shadow_outcome}"


class ShadowScore(models.Model):
    """A model's score of a payment: of those that it or the decision flags, and of all payments of some cards.

    is_sampled: the card is among the drawn ones, all of whose payments are kept: what stands for everything else.
    """

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="shadow_scores")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    score = models.FloatField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    is_sampled = models.BooleanField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["model", "decision"], name="shadow_score_once")]

    def __str__(self) -> str:
        return f"{self.decision_id}: {self.score}"
