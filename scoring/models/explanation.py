"""Explanations of flagged decisions: what each feature added to the score, and what would have changed the outcome."""

from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Decision

_IS_MADE = models.Q(state="made")
_HAS_SHARES = ~models.Q(contributions=b"") & models.Q(base__isnull=False, margin__isnull=False)
_HAS_NONE = models.Q(contributions=b"", base=None, margin=None)


class Explanation(models.Model):
    """Why a payment was flagged, by the model that flagged it: made once, after its alert, and never changed.

    Of a payment that was let through without a part and flagged when it was scored again: of that second look.
    """

    class State(models.TextChoices):
        MADE = "made"
        NO_MODEL = "no_model", "decided without a model"
        GONE = "gone", "something it was decided with is gone"
        FAILED = "failed", "could not be made"

    decision = models.OneToOneField(Decision, primary_key=True, on_delete=models.CASCADE, related_name="explanation")
    state = models.CharField(max_length=8, choices=State.choices)
    problem = models.CharField(max_length=300, blank=True, default="", help_text="Why it is not made, in words.")
    model_version = models.CharField(max_length=64, blank=True, default="")
    policy_version = models.PositiveIntegerField()
    feature_version = models.CharField(max_length=16)
    base = models.FloatField(null=True, help_text="Log-odds before any feature is looked at.")
    margin = models.FloatField(null=True, help_text="Log-odds of the score: the base and all contributions.")
    contributions = models.BinaryField(
        default=b"", help_text="float32 log-odds in the order of the feature table of feature_version."
    )
    families = models.JSONField(
        default=list, help_text="Contributions summed by family, in words, beside what is usual for the card."
    )
    counterfactuals = models.JSONField(
        default=dict, help_text="Which single figures would have changed the outcome, and which were tried."
    )
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=(_IS_MADE & _HAS_SHARES) | (~_IS_MADE & _HAS_NONE), name="explanation_made_has_shares"
            ),
            models.CheckConstraint(condition=_IS_MADE | ~models.Q(problem=""), name="explanation_not_made_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id}: {self.state}"
