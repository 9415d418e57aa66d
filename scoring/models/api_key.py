"""Keys of the programs that call the API."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ApiKey(models.Model):
    """A key of a program. Only its SHA-256 is kept: 32 random bytes need no slow hash."""

    class Scope(models.TextChoices):
        DECIDE = "decide"
        LABEL = "label"
        READ = "read"
        CASES = "cases"
        METRICS = "metrics"

    class State(models.TextChoices):
        ACTIVE = "active"
        REVOKED = "revoked"
        EXPIRED = "expired"
        CLOSED = "account closed"

    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=8), default=list)
    # Whom the key acts for in the console: what it does to a case, this person has done.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="api_keys"
    )
    rate_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls a second, a payment of a batch each; empty: API_RATE_LIMIT."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    # To the minute: each process writes it seldom.
    last_used_at = models.DateTimeField(null=True, blank=True)
    # One to one: a key is rotated once.
    rotated_from = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["decide", "label", "read", "cases", "metrics"]),
                name="api_key_known_scopes",
            ),
            models.CheckConstraint(
                condition=~Q(scopes__contains=["cases"]) | Q(user__isnull=False), name="api_key_cases_has_user"
            ),
            models.CheckConstraint(condition=Q(rate_limit=None) | Q(rate_limit__gt=0), name="api_key_rate_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"

    def state_at(self, at: datetime) -> State:
        """What it is at a time; all but active let nobody in. Reads `user`."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.expires_at is not None and self.expires_at <= at:
            return self.State.EXPIRED
        if self.user is not None and not self.user.is_active:
            return self.State.CLOSED
        return self.State.ACTIVE

    def why_ended(self, at: datetime) -> str:
        """Why it lets nobody in at a time, to follow "the key"; "" while it does. Reads `user`."""
        return {
            self.State.REVOKED: "is revoked",
            self.State.EXPIRED: "has expired",
            self.State.CLOSED: "acts for a person whose account is closed",
        }.get(self.state_at(at), "")
