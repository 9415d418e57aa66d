"""Experiments and what was known of them day by day; both stay as they were written."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

_KEEP = """
CREATE FUNCTION scoring_experiment_plan_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'an experiment stays on record' USING ERRCODE = '23514';
  END IF;
  IF OLD."end" <> '' THEN
    RAISE EXCEPTION 'experiment % is over and stays as it ended', OLD.id USING ERRCODE = '23514';
  END IF;
  IF to_jsonb(OLD) - '{end,ended_at,ended_by_id,conclusion}'::text[]
    IS DISTINCT FROM to_jsonb(NEW) - '{end,ended_at,ended_by_id,conclusion}'::text[]
  THEN RAISE EXCEPTION 'the plan of experiment % stays as it was made', OLD.id USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER experiment_plan_stays BEFORE UPDATE OR DELETE ON scoring_experiment FOR EACH ROW
  EXECUTE FUNCTION scoring_experiment_plan_stays();

CREATE FUNCTION scoring_experiment_look_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was known of an experiment stays on record' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER experiment_look_stays BEFORE UPDATE OR DELETE ON scoring_experimentlook FOR EACH ROW
  EXECUTE FUNCTION scoring_experiment_look_stays();
"""
_FORGET = """
DROP TRIGGER experiment_look_stays ON scoring_experimentlook;
DROP FUNCTION scoring_experiment_look_stays();
DROP TRIGGER experiment_plan_stays ON scoring_experiment;
DROP FUNCTION scoring_experiment_plan_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0020_model_stages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Experiment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "share",
                    models.FloatField(
                        help_text="Of the cards, that the challenger decides for: above 0 and up to 0.5."
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("loss", "Loss per payment"),
                            ("precision", "Precision of alerts"),
                            ("fraud_rate", "Fraud rate of approved payments"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        help_text="Of the costs, and of the payments that the loss is counted of.", max_length=3
                    ),
                ),
                ("false_decline_cost", models.DecimalField(decimal_places=4, max_digits=20)),
                ("review_cost", models.DecimalField(decimal_places=4, max_digits=20)),
                (
                    "least_effect",
                    models.FloatField(help_text="Difference worth knowing: money per payment, or a share (0-1)."),
                ),
                (
                    "alpha",
                    models.FloatField(default=0.05, help_text="Probability of seeing a difference that is none."),
                ),
                (
                    "power",
                    models.FloatField(default=0.8, help_text="Probability of seeing a difference of `least_effect`."),
                ),
                (
                    "looks",
                    models.PositiveSmallIntegerField(
                        help_text="0: any day may be the last; else so many planned looks."
                    ),
                ),
                ("planned_days", models.PositiveIntegerField(help_text="Days of payments until the planned end.")),
                ("maturity_days", models.PositiveIntegerField()),
                (
                    "baseline",
                    models.JSONField(
                        default=dict, help_text="Traffic it was planned from: units a day, ratio, variance."
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("adopt", "the challenger is to be adopted"),
                            ("keep", "the champion stays"),
                            ("stop", "stopped before it was known"),
                            ("left", "the arms were changed"),
                        ],
                        default="",
                        max_length=5,
                    ),
                ),
                ("conclusion", models.CharField(blank=True, default="", max_length=500)),
                (
                    "challenger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="experiments",
                        to="scoring.modelversion",
                    ),
                ),
                (
                    "champion",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.modelversion"
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": ("add", "change", "view"),
            },
        ),
        migrations.CreateModel(
            name="ExperimentLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("figures", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="recorded", to="scoring.experiment"
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("end", "")), fields=("end",), name="experiment_one_runs"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("end", ""), ("ended_at", None)),
                    models.Q(models.Q(("end", ""), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="experiment_end_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("challenger", models.F("champion")), _negated=True), name="experiment_two_models"
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("alpha__gt", 0),
                    ("alpha__lte", 0.2),
                    ("least_effect__gt", 0),
                    ("least_effect__lt", 1000000000),
                    ("planned_days__gte", 1),
                    ("power__gte", 0.5),
                    ("power__lt", 1),
                    ("share__gt", 0),
                    ("share__lte", 0.5),
                ),
                name="experiment_plan_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("looks", 0), models.Q(("looks__gte", 1), ("looks__lte", 20)), _connector="OR"),
                name="experiment_looks_in_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("false_decline_cost__gte", 0), ("review_cost__gte", 0)),
                name="experiment_costs_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="experimentlook",
            constraint=models.UniqueConstraint(fields=("experiment", "day"), name="experiment_look_once"),
        ),
        migrations.RunSQL(_KEEP, _FORGET),
    ]
