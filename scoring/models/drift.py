"""How far payments are from those a model was trained on: counted days, reports, alarms, and what is asked of them."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from scoring.models.registry import ModelVersion


class DriftSettings(models.Model):
    """What counts as drift: one row. Who changed it when is in the history of the admin too."""

    window_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text="Whole days (UTC) that are compared with the training. 7 holds each weekday once.",
    )
    least_rows = models.PositiveIntegerField(
        default=1_000,
        validators=[MinValueValidator(100)],
        help_text="With fewer payments nothing is said: all measures are noise below 1,000.",
    )
    rows_a_day = models.PositiveIntegerField(
        default=10_000,
        validators=[MinValueValidator(500), MaxValueValidator(200_000)],
        help_text="Of more payments a day a sample of cards is counted, so many payments large.",
    )
    effect_watch = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.001), MaxValueValidator(1.0)],
        help_text="Smaller distances (KS, 0-1) are passed over, whatever is usual.",
    )
    effect_alarm = models.FloatField(
        default=0.10,
        validators=[MinValueValidator(0.001), MaxValueValidator(1.0)],
        help_text="Smaller distances (KS, 0-1) are no alarm.",
    )
    times_usual = models.FloatField(
        default=2.0,
        validators=[MinValueValidator(1.0), MaxValueValidator(10.0)],
        help_text="A distance is told of when it is so many times what weeks of the training showed at most.",
    )
    missing_alarm = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.001), MaxValueValidator(1.0)],
        help_text="A share of missing values (0-1) that moved by so much is an alarm; half of it is watched.",
    )
    rate_alarm = models.FloatField(
        default=2.0,
        validators=[MinValueValidator(1.1), MaxValueValidator(100.0)],
        help_text="Alerts, or frauds against what scores expect, so many times more or fewer are an alarm.",
    )
    # Somebody asked for a report; empty once it is made.
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        default_permissions = ("view", "change")
        verbose_name_plural = "drift settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="drift_settings_one_row"),
            models.CheckConstraint(
                condition=models.Q(effect_watch__lte=models.F("effect_alarm")), name="drift_watch_below_alarm"
            ),
        ]

    def __str__(self) -> str:
        return "drift settings"


class DriftDay(models.Model):
    """Payments of one day (UTC, by `occurred_at`) counted into the bins of a model's reference. Written once.

    `rows` are those counted, of `payments` in all; see `scoring.ml.drift_days.DayCounts` for `figures`.
    """

    model = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="drift_days")
    day = models.DateField()
    payments = models.PositiveIntegerField()
    flagged = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    figures = models.JSONField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["model", "day"], name="drift_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.model_id}"


class DriftReport(models.Model):
    """What was found about one stretch of days against a model's training. Append only."""

    class Status(models.TextChoices):
        UNKNOWN = "unknown", "too few payments"
        OK = "ok", "as in training"
        WATCH = "watch", "something moves"
        ALARM = "alarm", "drift"

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="drift_reports")
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="Not included.")
    status = models.CharField(max_length=7, choices=Status.choices)
    words = models.CharField(max_length=500)
    figures = models.JSONField()
    is_daily = models.BooleanField(help_text="Made by the clock; the others somebody asked for.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        # Asking for one is adding one.
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["model", "until"], condition=models.Q(is_daily=True), name="drift_report_daily_once"
            ),
            models.CheckConstraint(condition=models.Q(since__lt=models.F("until")), name="drift_report_times_in_order"),
        ]
        indexes = [models.Index(fields=["model", "-made_at"], name="drift_report_of")]

    def __str__(self) -> str:
        return f"{self.model_id} until {self.until:%Y-%m-%d}: {self.get_status_display()}"


class DriftAlarm(models.Model):
    """Something that moved so far that a person should look. It closes by itself when a report no longer finds it."""

    model = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="drift_alarms")
    code = models.CharField(max_length=100, help_text="What moved: `feature amount`, `score`, `calibration` ...")
    words = models.CharField(max_length=300)
    figures = models.JSONField(default=dict, help_text="The numbers it was raised on.")
    opened_at = models.DateTimeField()
    # When a report last found it.
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Acknowledging is changing one.
        default_permissions = ("view", "change")
        constraints = [
            models.UniqueConstraint(
                fields=["model", "code"], condition=models.Q(closed_at=None), name="drift_alarm_open_once"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None) | models.Q(closed_at__gte=models.F("opened_at")),
                name="drift_alarm_times_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(acknowledged_by=None, acknowledged_at=None)
                | models.Q(acknowledged_by__isnull=False, acknowledged_at__isnull=False),
                name="drift_alarm_acknowledged_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["-opened_at"], name="drift_alarm_newest")]

    def __str__(self) -> str:
        return f"{self.code}: {self.words}"
