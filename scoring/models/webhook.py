"""Where verdicts on held payments are sent, what is sent there, and each attempt to."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Decision


class WebhookEndpoint(models.Model):
    """An address of the payment system that is told what becomes of held payments."""

    name = models.CharField(max_length=64, unique=True)
    url = models.CharField("URL", max_length=500)
    description = models.CharField(max_length=200, blank=True, default="")
    is_active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, default="")
    # Since it was made, or last switched on: of what is decided from then on it misses nothing.
    active_since = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_active=True, disabled_reason="")
                | (models.Q(is_active=False) & ~models.Q(disabled_reason="")),
                name="webhook_disabled_says_why",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookSecret(models.Model):
    """A key that messages of an endpoint are signed with. Encrypted: it has to be read to sign."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="secrets")
    prefix = models.CharField(max_length=12)
    sealed = models.TextField(help_text="Encrypted with a key that follows from SECRET_KEY.")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Until then it signs too; empty: the current one.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint"], condition=models.Q(ends_at=None), name="webhook_one_current_secret"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}..."


class WebhookDelivery(models.Model):
    """A message on its way to an endpoint."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    message_id = models.CharField("message id", max_length=36)
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, help_text="The held payment; empty: a test message."
    )
    body = models.TextField(help_text="What is sent, letter by letter.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0, help_text="Since it was made, or asked for again.")
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    # Whoever sends it has it until then; a sender that dies leaves it to the next one.
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        permissions = [("redeliver_webhookdelivery", "Can have messages delivered again")]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "message_id"], name="webhook_message_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "failed"], delivered_at=None)
                | models.Q(state="delivered", delivered_at__isnull=False),
                name="webhook_delivered_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting") | models.Q(leased_until=None), name="webhook_lease_while_waiting"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"], condition=models.Q(state="waiting"), name="webhook_to_send"
            ),
            models.Index(fields=["endpoint"], condition=models.Q(state="failed"), name="webhook_failed"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.state}"


class WebhookAttempt(models.Model):
    """One try to deliver, and how it went. Append only."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="tries")
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField("duration, ms")
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of the answer; empty: there was none.")
    error = models.CharField(max_length=300, blank=True, default="")
    answer = models.CharField(max_length=500, blank=True, default="", help_text="How the answer began.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__isnull=False, error="") | (models.Q(status=None) & ~models.Q(error="")),
                name="webhook_attempt_answer_or_error",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
