"""Figures of the dashboard, counted ahead, and who may see them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

GROUPS = {name: ["cases.view_dashboard"] for name in ("lead", "manager", "auditor")}


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0009_casework"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BacklogFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(unique=True)),
                ("taken_at", models.DateTimeField()),
                ("open", models.PositiveIntegerField()),
                ("overdue", models.PositiveIntegerField()),
                ("due_soon", models.PositiveIntegerField()),
                ("by_age", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FiguresProgress",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("decision_counted", models.BigIntegerField(default=0)),
                ("decision_newest", models.BigIntegerField(default=0)),
                ("label_counted", models.BigIntegerField(default=0)),
                ("label_newest", models.BigIntegerField(default=0)),
                ("event_counted", models.BigIntegerField(default=0)),
                ("event_newest", models.BigIntegerField(default=0)),
                ("looked_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="figures_progress_one_row")],
            },
        ),
        migrations.CreateModel(
            name="HourlyFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("policy_version", models.PositiveIntegerField()),
                ("model_version", models.CharField(blank=True, default="", max_length=64)),
                ("approved", models.BigIntegerField()),
                ("reviewed", models.BigIntegerField()),
                ("declined", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=4, max_digits=30)),
                ("stopped", models.BigIntegerField()),
                ("stopped_amount", models.DecimalField(decimal_places=4, max_digits=30)),
                ("pending", models.BigIntegerField()),
                (
                    "pending_stake",
                    models.DecimalField(decimal_places=4, help_text="Score x amount of the pending.", max_digits=30),
                ),
                ("missed", models.BigIntegerField()),
                ("missed_amount", models.DecimalField(decimal_places=4, max_digits=30)),
                ("false_alarms", models.BigIntegerField()),
                ("false_alarm_amount", models.DecimalField(decimal_places=4, max_digits=30)),
                ("cleared", models.BigIntegerField()),
            ],
            options={
                "permissions": [("view_dashboard", "Can see the dashboard")],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "currency", "policy_version", "model_version"), name="hourly_figures_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reviewed",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("stopped"), "+", models.F("pending")
                                        ),
                                        "+",
                                        models.F("false_alarms"),
                                    ),
                                    "-",
                                    models.F("declined"),
                                ),
                            )
                        ),
                        name="hourly_figures_flagged_add_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=64)),
                ("hits", models.BigIntegerField()),
                ("frauds", models.BigIntegerField()),
                ("legitimate", models.BigIntegerField()),
                ("last_hit_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("day", "code"), name="rule_figures_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "hits__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("frauds"), "+", models.F("legitimate")
                                ),
                            )
                        ),
                        name="rule_figures_add_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeskFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("verdicts", models.PositiveIntegerField()),
                ("frauds", models.PositiveIntegerField()),
                ("legitimate", models.PositiveIntegerField()),
                ("in_time", models.PositiveIntegerField()),
                ("skipped", models.PositiveIntegerField()),
                ("handled_seconds", models.BigIntegerField()),
                ("first_looks", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                (
                    "verdict_times",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                (
                    "handling_times",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                (
                    "analyst",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("day", "analyst"), name="desk_figures_once", nulls_distinct=False),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "verdicts__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("frauds"), "+", models.F("legitimate")
                                ),
                            ),
                            ("verdicts__gte", models.F("in_time")),
                        ),
                        name="desk_figures_add_up",
                    ),
                ],
            },
        ),
        allow(GROUPS),
    ]
