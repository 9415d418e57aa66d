"""Versions of the policy: thresholds, rules, and what lists do."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Outcome


class Policy(models.Model):
    """Thresholds, rules and what lists do, as one version. A draft can be edited; from then on it stays as it is.

    draft -> shadow -> proposed -> live -> retired; a draft can be proposed without a shadow, and what nobody wants any
    more is discarded. A retired version that was live can be live again.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        SHADOW = "shadow"
        PROPOSED = "proposed"
        LIVE = "live"
        RETIRED = "retired"
        DISCARDED = "discarded"

    version = models.PositiveIntegerField(unique=True)
    # The default of the table is for processes of the release before, which know no status.
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT, db_default=Status.RETIRED)
    # Goes up with each edit of the draft: whoever saves an older one is told.
    revision = models.PositiveIntegerField(default=0, db_default=0)
    based_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors")
    # The version whose text this one goes on with, sent back or carried over: who wrote that one wrote this one too.
    continues = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    review_threshold = models.FloatField(help_text="Score from which a payment goes to review, 0-1.")
    decline_threshold = models.FloatField(help_text="Score from which a payment is declined, 0-1.")
    review_points = models.PositiveIntegerField(
        default=100, db_default=100, help_text="Sum of the points of rules from which a payment goes to review."
    )
    decline_points = models.PositiveIntegerField(
        default=200, db_default=200, help_text="Sum of the points of rules from which a payment is declined."
    )
    note = models.CharField(max_length=200, help_text="What this version changes, for those who read it later.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    shadow_since = models.DateTimeField(null=True, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        permissions = [("publish_policy", "Can publish a policy that somebody else proposed, and roll back")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(review_threshold__gt=0)
                & models.Q(review_threshold__lte=models.F("decline_threshold"))
                & models.Q(decline_threshold__lte=1),
                name="policy_thresholds_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(review_points__gt=0) & models.Q(review_points__lte=models.F("decline_points")),
                name="policy_points_in_order",
            ),
            models.UniqueConstraint(fields=["status"], condition=models.Q(status="live"), name="policy_one_live"),
            models.CheckConstraint(
                condition=models.Q(published_by=None)
                | models.Q(proposed_by=None)
                | ~models.Q(published_by=models.F("proposed_by")),
                name="policy_published_by_another",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="live") | models.Q(published_at__isnull=False), name="policy_live_since"
            ),
        ]

    def __str__(self) -> str:
        return f"policy {self.version}"


class Rule(models.Model):
    """A condition over fields and features that asks for an outcome, or gives points. Belongs to one policy version."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="rules")
    code = models.SlugField(max_length=64, help_text="Stays the same over all versions; decisions name it.")
    name = models.CharField(max_length=100, blank=True, default="", db_default="")
    expression = models.TextField(max_length=2000)
    outcome = models.CharField(
        max_length=8, blank=True, choices=[(Outcome.REVIEW, "review"), (Outcome.DECLINE, "decline")]
    )
    points = models.IntegerField(
        default=0,
        db_default=0,
        help_text="Added to those of the other rules that a payment meets; below 0 it speaks for it.",
    )
    reason_code = models.SlugField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Of the reason given; the rule's own when empty.",
    )
    words = models.CharField(max_length=200, help_text="What an analyst reads; {feature} is replaced by its value.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    tags = ArrayField(models.SlugField(max_length=32), blank=True, default=list, db_default=[])
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on the rule is not asked any more.")
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "code"], name="rule_code_once"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", "review", "decline"]), name="rule_outcome_known"
            ),
            models.CheckConstraint(
                condition=models.Q(points__gte=-10_000, points__lte=10_000), name="rule_points_small"
            ),
            models.CheckConstraint(condition=~models.Q(outcome="") | ~models.Q(points=0), name="rule_does_something"),
        ]

    def __str__(self) -> str:
        return self.code


class ThresholdBand(models.Model):
    """Thresholds of a policy version for the payments of a currency from an amount on, up to the next band's."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="bands")
    currency = models.CharField(max_length=3)
    from_amount = models.DecimalField(max_digits=20, decimal_places=4)
    review_threshold = models.FloatField()
    decline_threshold = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "currency", "from_amount"], name="threshold_band_once"),
            models.CheckConstraint(
                condition=models.Q(review_threshold__gt=0)
                & models.Q(review_threshold__lte=models.F("decline_threshold"))
                & models.Q(decline_threshold__lte=1),
                name="band_thresholds_in_order",
            ),
            models.CheckConstraint(condition=models.Q(from_amount__gte=0), name="band_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} from {self.from_amount.normalize():f}"


class PolicyList(models.Model):
    """What a list does under a policy version. Lists that are not named do nothing by themselves; rules read them."""

    class Effect(models.TextChoices):
        DECLINE = "decline"
        APPROVE = "approve"
        REVIEW = "review"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="lists")
    list = models.CharField(max_length=80)
    effect = models.CharField(max_length=7, choices=Effect.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "list"], name="policy_list_once"),
            models.CheckConstraint(
                condition=models.Q(effect__in=["decline", "approve", "review"]), name="policy_list_effect_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list}: {self.effect}"


class PolicyEvent(models.Model):
    """Who did what with a policy version, and when. Append only."""

    class Action(models.TextChoices):
        CREATED = "created", "drafted"
        EDITED = "edited"
        SHADOWED = "shadowed", "put in shadow"
        PROPOSED = "proposed"
        RETURNED = "returned", "sent back"
        PUBLISHED = "published"
        ROLLED_BACK = "rolled_back", "brought back"
        RETIRED = "retired", "replaced"
        DISCARDED = "discarded"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="events")
    action = models.CharField(max_length=11, choices=Action.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500, blank=True, default="")
    happened_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["policy", "happened_at"], name="policy_event_of")]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.policy_id}"
