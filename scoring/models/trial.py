"""What policy versions that are not in force would do: on payments as they come, and on the record."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Decision, Outcome
from scoring.models.policy import Policy


class ShadowFigures(models.Model):
    """Payments of a day (UTC, by `decided_at`) by what was decided and what a version in shadow would have decided."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="shadow_figures")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, help_text="What was decided.")
    shadow_outcome = models.CharField(max_length=8, choices=Outcome.choices)
    payments = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=4)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "day", "currency", "outcome", "shadow_outcome"], name="shadow_figures_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} {self.day} {self.outcome} -> {self.shadow_outcome}"


class ShadowRuleFigures(models.Model):
    """How often a rule of a version in shadow was met on a day, and could not be computed.

    `failures` without a code: payments that the version as a whole could not judge.
    """

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="shadow_rule_figures")
    day = models.DateField()
    code = models.CharField(max_length=64)
    hits = models.BigIntegerField()
    failures = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["policy", "day", "code"], name="shadow_rule_figures_once")]

    def __str__(self) -> str:
        return f"{self.policy_id} {self.day} {self.code}"


class ShadowChange(models.Model):
    """A payment that a version in shadow would have decided otherwise."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="shadow_changes")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    rule_hits = ArrayField(models.CharField(max_length=64), default=list)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["policy", "decision"], name="shadow_change_once")]

    def __str__(self) -> str:
        return f"{self.decision_id}: {self.outcome}"


class Backtest(models.Model):
    """A policy version, or another model under it, over recorded payments, beside the version in force."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        FAILED = "failed"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="backtests")
    # The draft may be edited afterwards: what was tried is this revision.
    revision = models.PositiveIntegerField(default=0)
    baseline = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="+")
    model_version = models.CharField(
        max_length=64, blank=True, default="", help_text="Scores with this model; the recorded scores when empty."
    )
    since = models.DateTimeField(help_text="Payments that occurred from then on ...")
    until = models.DateTimeField(help_text="... to before then.")
    labels_as_of = models.DateTimeField()
    maturity_days = models.PositiveIntegerField(
        help_text="An unlabelled payment counts as legitimate once it is so old at `labels_as_of`."
    )
    capacity = models.PositiveIntegerField(help_text="Alerts the team can review a day.")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.WAITING)
    is_cancel_requested = models.BooleanField(default=False, db_default=False)
    rows = models.PositiveBigIntegerField(default=0, help_text="Payments to look at.")
    rows_done = models.PositiveBigIntegerField(default=0)
    # Who is at it says so every few seconds; a run that fell silent is given to somebody else.
    beat_at = models.DateTimeField(null=True, blank=True)
    # How often it was begun. Whoever is at it holds the number it had then, and writes nothing under another.
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("add", "view")
        constraints = [
            models.CheckConstraint(condition=models.Q(since__lt=models.F("until")), name="backtest_times_in_order"),
            models.CheckConstraint(
                condition=~models.Q(status="done") | models.Q(result__isnull=False), name="backtest_done_has_result"
            ),
        ]
        indexes = [models.Index(fields=["policy", "-created_at"], name="backtest_of")]

    def __str__(self) -> str:
        return f"backtest {self.pk} of {self.policy_id}"

    @property
    def last_day(self) -> datetime:
        """A moment of the last day (UTC) of which payments are looked at."""
        return self.until - timedelta(microseconds=1)
