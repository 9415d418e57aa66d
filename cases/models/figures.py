"""Figures of the desk, counted ahead for the dashboard: made of the record, and again when it changes."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


class HourlyFigures(models.Model):
    """What the payments of one hour (UTC, by `occurred_at`) add up to, with the labels believed now.

    `stopped`: flagged and labelled fraud; `pending`: flagged and not labelled; `missed`: approved and labelled fraud;
    `missed_reported`: of these, those that others than analysts call fraud; `false_alarms`: flagged and labelled
    legitimate; `cleared`: approved and labelled legitimate; `released`: of the
    stopped, those that a verdict let go: their money was lost.
    """

    hour = models.DateTimeField()
    currency = models.CharField(max_length=3)
    policy_version = models.PositiveIntegerField()
    model_version = models.CharField(max_length=64, blank=True, default="")
    approved = models.BigIntegerField()
    reviewed = models.BigIntegerField()
    declined = models.BigIntegerField()
    amount = models.DecimalField(max_digits=30, decimal_places=4)
    stopped = models.BigIntegerField()
    stopped_amount = models.DecimalField(max_digits=30, decimal_places=4)
    pending = models.BigIntegerField()
    pending_stake = models.DecimalField(max_digits=30, decimal_places=4, help_text="Score x amount of the pending.")
    missed = models.BigIntegerField()
    missed_amount = models.DecimalField(max_digits=30, decimal_places=4)
    missed_reported = models.BigIntegerField(default=0, db_default=0)
    false_alarms = models.BigIntegerField()
    false_alarm_amount = models.DecimalField(max_digits=30, decimal_places=4)
    cleared = models.BigIntegerField()
    released = models.BigIntegerField(default=0, db_default=0)
    released_amount = models.DecimalField(max_digits=30, decimal_places=4, default=0, db_default=0)

    class Meta:
        default_permissions = ()
        permissions = [("view_dashboard", "Can see the dashboard")]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "currency", "policy_version", "model_version"], name="hourly_figures_once"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reviewed=models.F("stopped") + models.F("pending") + models.F("false_alarms") - models.F("declined")
                ),
                name="hourly_figures_flagged_add_up",
            ),
            models.CheckConstraint(
                condition=models.Q(released__lte=models.F("stopped")), name="hourly_figures_released_were_stopped"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.currency}"


class RuleFigures(models.Model):
    """`RuleHours` of one day (UTC) added up. `hits`, `frauds` and `legitimate` are those of flagged payments."""

    day = models.DateField()
    code = models.CharField(max_length=100)
    hits = models.BigIntegerField()
    frauds = models.BigIntegerField()
    legitimate = models.BigIntegerField()
    passed = models.BigIntegerField(default=0, db_default=0)
    passed_frauds = models.BigIntegerField(default=0, db_default=0)
    passed_legitimate = models.BigIntegerField(default=0, db_default=0)
    alone = models.BigIntegerField(default=0, db_default=0)
    failures = models.BigIntegerField(default=0, db_default=0)
    last_hit_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["day", "code"], name="rule_figures_once"),
            models.CheckConstraint(
                condition=models.Q(hits__gte=models.F("frauds") + models.F("legitimate")),
                name="rule_figures_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.code}"


class DeskFigures(models.Model):
    """What one analyst did on one day (UTC). Nobody (null) decided what the desk decided by itself.

    Verdicts count on the day of the case's verdict, skips and time on the day a claim ended. Times are counted by
    length, in the classes of `durations.BOUNDS`.
    """

    day = models.DateField()
    # Served by the constraint's index for what is asked: always a stretch of days.
    analyst = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, db_index=False)
    verdicts = models.PositiveIntegerField()
    frauds = models.PositiveIntegerField()
    legitimate = models.PositiveIntegerField()
    in_time = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    handled_seconds = models.BigIntegerField()
    first_looks = ArrayField(models.IntegerField())
    verdict_times = ArrayField(models.IntegerField())
    handling_times = ArrayField(models.IntegerField())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["day", "analyst"], nulls_distinct=False, name="desk_figures_once"),
            models.CheckConstraint(
                condition=models.Q(verdicts__gte=models.F("frauds") + models.F("legitimate"))
                & models.Q(verdicts__gte=models.F("in_time")),
                name="desk_figures_add_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.analyst_id}"


class BacklogFigures(models.Model):
    """The open cases as they were last looked at in an hour: by age, in the classes of `durations.AGES`."""

    hour = models.DateTimeField(unique=True)
    taken_at = models.DateTimeField()
    open = models.PositiveIntegerField()
    overdue = models.PositiveIntegerField()
    due_soon = models.PositiveIntegerField()
    by_age = ArrayField(models.IntegerField())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.open} open"


class FiguresProgress(models.Model):
    """How far the record is counted. One row.

    What has an id above `..._counted` is looked at again; `..._newest` is the highest seen by the last look.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    decision_counted = models.BigIntegerField(default=0)
    decision_newest = models.BigIntegerField(default=0)
    label_counted = models.BigIntegerField(default=0)
    label_newest = models.BigIntegerField(default=0)
    event_counted = models.BigIntegerField(default=0)
    event_newest = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="figures_progress_one_row")]

    def __str__(self) -> str:
        return f"counted up to {self.looked_at}"
