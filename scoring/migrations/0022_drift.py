"""Drift of models, retraining by itself, and comparisons with the champion."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

_KEEP = """
CREATE FUNCTION scoring_finding_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was found about a model stays on record' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER drift_report_stays BEFORE UPDATE OR DELETE ON scoring_driftreport FOR EACH ROW
  EXECUTE FUNCTION scoring_finding_stays();
CREATE TRIGGER model_comparison_stays BEFORE UPDATE OR DELETE ON scoring_modelcomparison FOR EACH ROW
  EXECUTE FUNCTION scoring_finding_stays();
"""
_FORGET = """
DROP TRIGGER model_comparison_stays ON scoring_modelcomparison;
DROP TRIGGER drift_report_stays ON scoring_driftreport;
DROP FUNCTION scoring_finding_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0021_experiments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DriftAlarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "code",
                    models.CharField(
                        help_text="What moved: `feature amount`, `score`, `calibration` ...", max_length=100
                    ),
                ),
                ("words", models.CharField(max_length=300)),
                ("figures", models.JSONField(default=dict, help_text="The numbers it was raised on.")),
                ("opened_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("acknowledged_at", models.DateTimeField(blank=True, null=True)),
                (
                    "acknowledged_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drift_alarms",
                        to="scoring.modelversion",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view", "change"),
                "indexes": [models.Index(fields=["-opened_at"], name="drift_alarm_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)), fields=("model", "code"), name="drift_alarm_open_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_at", None), ("closed_at__gte", models.F("opened_at")), _connector="OR"
                        ),
                        name="drift_alarm_times_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("acknowledged_at", None), ("acknowledged_by", None)),
                            models.Q(("acknowledged_at__isnull", False), ("acknowledged_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="drift_alarm_acknowledged_by_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("payments", models.PositiveIntegerField()),
                ("flagged", models.PositiveIntegerField()),
                ("rows", models.PositiveIntegerField()),
                ("figures", models.JSONField()),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drift_days",
                        to="scoring.modelversion",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("model", "day"), name="drift_day_once")],
            },
        ),
        migrations.CreateModel(
            name="DriftReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(help_text="Not included.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unknown", "too few payments"),
                            ("ok", "as in training"),
                            ("watch", "something moves"),
                            ("alarm", "drift"),
                        ],
                        max_length=7,
                    ),
                ),
                ("words", models.CharField(max_length=500)),
                ("figures", models.JSONField()),
                ("is_daily", models.BooleanField(help_text="Made by the clock; the others somebody asked for.")),
                ("made_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drift_reports",
                        to="scoring.modelversion",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("add", "view"),
                "indexes": [models.Index(fields=["model", "-made_at"], name="drift_report_of")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_daily", True)),
                        fields=("model", "until"),
                        name="drift_report_daily_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("since__lt", models.F("until"))), name="drift_report_times_in_order"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "window_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="Whole days (UTC) that are compared with the training. 7 holds each weekday once.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                    ),
                ),
                (
                    "least_rows",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="With fewer payments nothing is said: all measures are noise below 1,000.",
                        validators=[django.core.validators.MinValueValidator(100)],
                    ),
                ),
                (
                    "rows_a_day",
                    models.PositiveIntegerField(
                        default=10000,
                        help_text="Of more payments a day a sample of cards is counted, so many payments large.",
                        validators=[
                            django.core.validators.MinValueValidator(500),
                            django.core.validators.MaxValueValidator(200000),
                        ],
                    ),
                ),
                (
                    "effect_watch",
                    models.FloatField(
                        default=0.05,
                        help_text="Smaller distances (KS, 0-1) are passed over, whatever is usual.",
                        validators=[
                            django.core.validators.MinValueValidator(0.001),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                (
                    "effect_alarm",
                    models.FloatField(
                        default=0.1,
                        help_text="Smaller distances (KS, 0-1) are no alarm.",
                        validators=[
                            django.core.validators.MinValueValidator(0.001),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                (
                    "times_usual",
                    models.FloatField(
                        default=2.0,
                        help_text="A distance is told of when it is so many times what weeks of the training showed at most.",
                        validators=[
                            django.core.validators.MinValueValidator(1.0),
                            django.core.validators.MaxValueValidator(10.0),
                        ],
                    ),
                ),
                (
                    "missing_alarm",
                    models.FloatField(
                        default=0.05,
                        help_text="A share of missing values (0-1) that moved by so much is an alarm; half of it is watched.",
                        validators=[
                            django.core.validators.MinValueValidator(0.001),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                (
                    "rate_alarm",
                    models.FloatField(
                        default=2.0,
                        help_text="Alerts, or frauds against what scores expect, so many times more or fewer are an alarm.",
                        validators=[
                            django.core.validators.MinValueValidator(1.1),
                            django.core.validators.MaxValueValidator(100.0),
                        ],
                    ),
                ),
                ("asked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("changed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "drift settings",
                "default_permissions": ("view", "change"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="drift_settings_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("effect_watch__lte", models.F("effect_alarm"))),
                        name="drift_watch_below_alarm",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelComparison",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(help_text="Not included.")),
                ("labels_as_of", models.DateTimeField()),
                (
                    "is_worse",
                    models.BooleanField(help_text="Surely worse: the interval of the difference lies below 0."),
                ),
                ("words", models.CharField(max_length=500)),
                ("figures", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "champion",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.modelversion"
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comparisons",
                        to="scoring.modelversion",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("add", "view"),
                "indexes": [models.Index(fields=["model", "-created_at"], name="comparison_of")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("since__lt", models.F("until"))), name="comparison_times_in_order"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("model", models.F("champion")), _negated=True), name="comparison_of_two"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Retraining",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "then",
                    models.CharField(
                        choices=[("propose", "propose it to a manager"), ("shadow", "put it in shadow")], max_length=7
                    ),
                ),
                ("words", models.CharField(help_text="Why it was trained; then, what came of it.", max_length=500)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("proposed", "Proposed"),
                            ("shadowed", "put in shadow"),
                            ("kept", "stays a candidate"),
                            ("failed", "Failed"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="retraining", to="scoring.trainingrun"
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("finished_at",),
                        name="retraining_one_at_a_time",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("outcome", "")),
                            models.Q(("finished_at__isnull", False), models.Q(("outcome", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="retraining_finished_with_outcome",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RetrainingSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "is_enabled",
                    models.BooleanField(default=False, help_text="Off: models are trained only when somebody asks."),
                ),
                (
                    "every_days",
                    models.PositiveSmallIntegerField(
                        default=28,
                        help_text="Days from one training to the next; after a failed one nothing is tried for as long.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                    ),
                ),
                (
                    "on_drift",
                    models.BooleanField(default=True, help_text="Train, too, when an alarm of drift was raised since."),
                ),
                (
                    "window_days",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="Days of payments to learn from.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(400),
                        ],
                    ),
                ),
                (
                    "compare_days",
                    models.PositiveSmallIntegerField(
                        default=7,
                        help_text="The newest mature days are kept out of the training: both models are measured on them.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                    ),
                ),
                (
                    "maturity_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Age from which no label means legitimate; empty: LABEL_MATURITY_DAYS.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(3650)],
                    ),
                ),
                (
                    "then",
                    models.CharField(
                        choices=[("propose", "propose it to a manager"), ("shadow", "put it in shadow")],
                        default="propose",
                        max_length=7,
                    ),
                ),
                ("changed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "retraining settings",
                "default_permissions": ("view", "change"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="retraining_settings_one_row"),
                    models.CheckConstraint(
                        condition=models.Q(("then__in", ["propose", "shadow"])), name="retraining_settings_then_known"
                    ),
                ],
            },
        ),
        migrations.RunSQL(_KEEP, _FORGET),
    ]
