"""The policy in force: thresholds, rules, lists and what changed on them."""

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


class ListEntry(models.Model):
    """A card, merchant, customer, device or address that is always stopped, or never."""

    class Kind(models.TextChoices):
        BLOCK = "block"
        ALLOW = "allow"

    class Entity(models.TextChoices):
        CARD = "card"
        CUSTOMER = "customer"
        MERCHANT = "merchant"
        DEVICE = "device"
        IP = "ip"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    entity = models.CharField(max_length=8, choices=Entity.choices)
    value = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "list entries"
        constraints = [models.UniqueConstraint(fields=["entity", "value", "kind"], name="list_entry_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.entity} {self.value}"


class ListChange(models.Model):
    """Who put what on a list or took it off, when and why: what `ListEntry` forgets. Append only."""

    class Action(models.TextChoices):
        ADDED = "added", "put on"
        REMOVED = "removed", "taken off"

    action = models.CharField(max_length=7, choices=Action.choices)
    kind = models.CharField(max_length=5, choices=ListEntry.Kind.choices)
    entity = models.CharField(max_length=8, choices=ListEntry.Entity.choices)
    value = models.CharField(max_length=64)
    reason = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["entity", "value", "happened_at"], name="list_change_of")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.kind}: {self.entity} {self.value}"
