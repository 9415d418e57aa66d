"""What rules and lists met, counted ahead by hour and day, and the alarms raised about them."""

from django.conf import settings
from django.db import models


class RuleHours(models.Model):
    """Payments of one hour (UTC, by `occurred_at`) that met a rule or list, and those it could not be computed for.

    `flagged` went to review or were declined, `passed` were approved; frauds and legitimate are those of the labels
    believed now. `alone`: flagged payments that would have passed without this rule.
    """

    hour = models.DateTimeField()
    code = models.CharField(max_length=100)
    flagged = models.BigIntegerField()
    frauds = models.BigIntegerField()
    legitimate = models.BigIntegerField()
    passed = models.BigIntegerField()
    passed_frauds = models.BigIntegerField()
    passed_legitimate = models.BigIntegerField()
    alone = models.BigIntegerField()
    failures = models.BigIntegerField()
    last_hit_at = models.DateTimeField(null=True, help_text="Empty where the rule only failed.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "code"], name="rule_hours_once"),
            models.CheckConstraint(
                condition=models.Q(flagged__gte=models.F("frauds") + models.F("legitimate"))
                & models.Q(passed__gte=models.F("passed_frauds") + models.F("passed_legitimate"))
                & models.Q(flagged__gte=models.F("alone")),
                name="rule_hours_add_up",
            ),
        ]
        indexes = [models.Index(fields=["code", "-hour"], name="rule_hours_of")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.code}"


class RuleMoney(models.Model):
    """Amounts of one day and currency that a rule or list met among flagged payments, by what labels say.

    `stopped`: fraud that no verdict let go.
    """

    day = models.DateField()
    code = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    stopped = models.DecimalField(max_digits=30, decimal_places=4)
    false_alarms = models.DecimalField(max_digits=30, decimal_places=4)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day", "code", "currency"], name="rule_money_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.code} {self.currency}"


class RulePairs(models.Model):
    """Payments of one day that met both of two rules or lists; `code` is the smaller one."""

    day = models.DateField()
    code = models.CharField(max_length=100)
    other = models.CharField(max_length=100)
    hits = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day", "code", "other"], name="rule_pairs_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.code} {self.other}"


class RuleOverlap(models.Model):
    """With which others a rule shares most hits over the last 30 days that are counted; place 1 shares most."""

    code = models.CharField(max_length=100)
    place = models.PositiveSmallIntegerField()
    other = models.CharField(max_length=100)
    hits = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["code", "place"], name="rule_overlap_once")]

    def __str__(self) -> str:
        return f"{self.code} {self.other}"


class RuleAlarm(models.Model):
    """Something about a rule or list that a person should look at. It closes by itself when it is over."""

    class Kind(models.TextChoices):
        FAILING = "failing"
        SPIKE = "spike", "hits far above usual"
        SILENCE = "silence", "silent"
        PRECISION = "precision", "precision fell"
        EXPIRY = "expiry", "expires"

    code = models.CharField(max_length=100)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    opened_at = models.DateTimeField()
    # When it was last true: what closes it waits for some time of quiet.
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    words = models.CharField(max_length=300)
    figures = models.JSONField(default=dict, help_text="The numbers it was raised on.")
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Seeing them goes with seeing policies, acknowledging with changing them.
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["code", "kind"], condition=models.Q(closed_at=None), name="rule_alarm_open_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["failing", "spike", "silence", "precision", "expiry"]),
                name="rule_alarm_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None) | models.Q(closed_at__gte=models.F("opened_at")),
                name="rule_alarm_times_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(acknowledged_by=None, acknowledged_at=None)
                | models.Q(acknowledged_by__isnull=False, acknowledged_at__isnull=False),
                name="rule_alarm_acknowledged_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["code", "-opened_at"], name="rule_alarm_of")]

    def __str__(self) -> str:
        return f"{self.code}: {self.get_kind_display()}"
