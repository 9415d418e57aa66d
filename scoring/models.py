"""Tables of scoring: decisions, labels, policy, lists, models, keys, outbox. Tables only; services write them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Outcome(models.TextChoices):
    """From mild to severe; a decision takes the severest that anything asked for."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class Decision(models.Model):
    """One payment and what was decided about it: all that is needed to explain and reproduce it. Immutable."""

    transaction_id = models.CharField(max_length=64, unique=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    # The payment
    amount = models.DecimalField(max_digits=20, decimal_places=4)
    currency = models.CharField(max_length=3)
    card_id = models.CharField(max_length=64)
    merchant_id = models.CharField(max_length=64)
    customer_id = models.CharField(max_length=64, blank=True, default="")
    device_id = models.CharField(max_length=64, blank=True, default="")
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    merchant_name = models.CharField(max_length=128, blank=True, default="")
    merchant_category = models.CharField(max_length=4, blank=True, default="")
    # The payment as it was sent: what a second arrival is compared with, and reproduction starts from.
    record = models.JSONField()
    # The decision
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    score = models.FloatField(null=True, help_text="Calibrated probability of fraud, 0-1; empty without a model.")
    anomaly_score = models.FloatField(null=True)
    reasons = models.JSONField(default=list)
    rule_hits = ArrayField(models.CharField(max_length=64), default=list)
    degraded = ArrayField(models.CharField(max_length=16), default=list)
    is_late = models.BooleanField(default=False)
    latency_ms = models.FloatField()
    # What it was decided with
    features = models.BinaryField(help_text="float32 vector in the order of the feature table of feature_version.")
    feature_version = models.CharField(max_length=16)
    model_version = models.CharField(max_length=64, blank=True, default="")
    policy_version = models.PositiveIntegerField()
    # Where it came from
    source = models.CharField(max_length=128, help_text="api, stream:<topic>/<partition> or file:<name>.")
    position = models.CharField(max_length=64, blank=True, default="", help_text="Offset or row number in the source.")

    class Meta:
        indexes = [
            models.Index(fields=["card_id", "occurred_at"]),
            models.Index(fields=["merchant_id", "occurred_at"]),
            models.Index(
                fields=["device_id", "occurred_at"], condition=~models.Q(device_id=""), name="decision_device"
            ),
            models.Index(
                fields=["ip_address", "occurred_at"], condition=models.Q(ip_address__isnull=False), name="decision_ip"
            ),
            models.Index(
                fields=["customer_id", "occurred_at"], condition=~models.Q(customer_id=""), name="decision_customer"
            ),
            # The amount is looked at in the index: of the payments of a week few rows are then read.
            models.Index(fields=["occurred_at", "amount"], name="decision_time_amount"),
            models.Index(
                fields=["occurred_at"], condition=models.Q(outcome__in=["review", "decline"]), name="decision_flagged"
            ),
            models.Index(fields=["decided_at"]),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="decision_amount_positive"),
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="decision_outcome_known"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_id}: {self.outcome}"


class Label(models.Model):
    """One statement about a payment: who says fraud or legitimate, and since when it is known. Append only."""

    class Value(models.TextChoices):
        FRAUD = "fraud"
        LEGITIMATE = "legitimate"

    class Source(models.TextChoices):
        CHARGEBACK = "chargeback"
        ISSUER_REPORT = "issuer_report"
        CUSTOMER = "customer"
        ANALYST = "analyst"

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="labels")
    label = models.CharField(max_length=10, choices=Value.choices)
    source = models.CharField(max_length=16, choices=Source.choices)
    known_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    note = models.CharField(max_length=500, blank=True, default="")
    # Empty until merchant and device risk have counted it.
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "source", "label", "known_at"], name="label_said_once"),
            models.CheckConstraint(condition=models.Q(label__in=["fraud", "legitimate"]), name="label_value_known"),
        ]
        indexes = [
            models.Index(fields=["known_at"], condition=models.Q(applied_at=None), name="label_to_apply"),
        ]

    def __str__(self) -> str:
        return f"{self.label} says {self.source}"


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
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"


class Outbox(models.Model):
    """Effects that leave after their decisions are stored: one row a batch and topic, deleted once delivered."""

    class Topic(models.TextChoices):
        DECISIONS = "decisions"
        ALERTS = "alerts"
        LABELS = "labels"
        VERDICTS = "verdicts"
        DEAD_LETTERS = "dead-letters"

    topic = models.CharField(max_length=16, choices=Topic.choices)
    # Ids of decisions (decisions, alerts, verdicts), labels or dead letters.
    ids = ArrayField(models.BigIntegerField())
    # What is published, encoded with its batch: MessagePack of [[key, body], ...].
    payload = models.BinaryField(default=b"")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.topic} x {len(self.ids)}"


class PendingFeatures(models.Model):
    """A batch whose payments and labels are recorded, and not yet known to be counted in the feature store.

    Its id is the receipt that the store keeps with the states: whoever finds the row applies it, and it counts once.
    """

    writer = models.CharField(max_length=128, help_text="stream:<topic>, api, file:<name> or labels.")
    decision_ids = ArrayField(models.BigIntegerField(), default=list)
    label_ids = ArrayField(models.BigIntegerField(), default=list)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, help_text="When somebody else than the writer counted it.")

    class Meta:
        verbose_name_plural = "pending features"

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
