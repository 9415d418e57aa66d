"""The policy in force: thresholds and rules."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Outcome


class Policy(models.Model):
    """The thresholds and rules in force, as one immutable version. The highest version is live."""

    version = models.PositiveIntegerField(unique=True)
    review_threshold = models.FloatField(help_text="Score from which a payment goes to review, 0-1.")
    decline_threshold = models.FloatField(help_text="Score from which a payment is declined, 0-1.")
    note = models.CharField(max_length=200, help_text="What this version changes, for those who read it later.")
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    published_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(review_threshold__gt=0)
                & models.Q(review_threshold__lte=models.F("decline_threshold"))
                & models.Q(decline_threshold__lte=1),
                name="policy_thresholds_in_order",
            )
        ]

    def __str__(self) -> str:
        return f"policy {self.version}"


class Rule(models.Model):
    """A condition over fields and features that asks for an outcome. Belongs to one policy version."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="rules")
    code = models.SlugField(max_length=64)
    expression = models.TextField(max_length=2000)
    outcome = models.CharField(max_length=8, choices=[(Outcome.REVIEW, "review"), (Outcome.DECLINE, "decline")])
    words = models.CharField(max_length=200, help_text="What an analyst reads; {feature} is replaced by its value.")
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "code"], name="rule_code_once"),
            models.CheckConstraint(condition=models.Q(outcome__in=["review", "decline"]), name="rule_outcome_known"),
        ]

    def __str__(self) -> str:
        return self.code
