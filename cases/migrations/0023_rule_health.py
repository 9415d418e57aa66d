"""What rules met is counted by hour, with what passed; alarms of rules. Hours with payments are counted again."""

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0022_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="rulefigures",
            name="alone",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rulefigures",
            name="failures",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rulefigures",
            name="passed",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rulefigures",
            name="passed_frauds",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="rulefigures",
            name="passed_legitimate",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="rulefigures",
            name="code",
            field=models.CharField(max_length=100),
        ),
        migrations.AlterField(
            model_name="rulefigures",
            name="last_hit_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="RuleHours",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("code", models.CharField(max_length=100)),
                ("flagged", models.BigIntegerField()),
                ("frauds", models.BigIntegerField()),
                ("legitimate", models.BigIntegerField()),
                ("passed", models.BigIntegerField()),
                ("passed_frauds", models.BigIntegerField()),
                ("passed_legitimate", models.BigIntegerField()),
                ("alone", models.BigIntegerField()),
                ("failures", models.BigIntegerField()),
                ("last_hit_at", models.DateTimeField(help_text="Empty where the rule only failed.", null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["code", "-hour"], name="rule_hours_of")],
                "constraints": [
                    models.UniqueConstraint(fields=("hour", "code"), name="rule_hours_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "flagged__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("frauds"), "+", models.F("legitimate")
                                ),
                            ),
                            (
                                "passed__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("passed_frauds"), "+", models.F("passed_legitimate")
                                ),
                            ),
                            ("flagged__gte", models.F("alone")),
                        ),
                        name="rule_hours_add_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleMoney",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("stopped", models.DecimalField(decimal_places=4, max_digits=30)),
                ("false_alarms", models.DecimalField(decimal_places=4, max_digits=30)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("day", "code", "currency"), name="rule_money_once")],
            },
        ),
        migrations.CreateModel(
            name="RuleOverlap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=100)),
                ("place", models.PositiveSmallIntegerField()),
                ("other", models.CharField(max_length=100)),
                ("hits", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("code", "place"), name="rule_overlap_once")],
            },
        ),
        migrations.CreateModel(
            name="RulePairs",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("code", models.CharField(max_length=100)),
                ("other", models.CharField(max_length=100)),
                ("hits", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("day", "code", "other"), name="rule_pairs_once")],
            },
        ),
        migrations.CreateModel(
            name="RuleAlarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("failing", "Failing"),
                            ("spike", "hits far above usual"),
                            ("silence", "silent"),
                            ("precision", "precision fell"),
                            ("expiry", "expires"),
                        ],
                        max_length=9,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("words", models.CharField(max_length=300)),
                ("figures", models.JSONField(default=dict, help_text="The numbers it was raised on.")),
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
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["code", "-opened_at"], name="rule_alarm_of")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)), fields=("code", "kind"), name="rule_alarm_open_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["failing", "spike", "silence", "precision", "expiry"])),
                        name="rule_alarm_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closed_at", None), ("closed_at__gte", models.F("opened_at")), _connector="OR"
                        ),
                        name="rule_alarm_times_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("acknowledged_at", None), ("acknowledged_by", None)),
                            models.Q(("acknowledged_at__isnull", False), ("acknowledged_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="rule_alarm_acknowledged_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunSQL("UPDATE cases_figuresprogress SET decision_counted = 0", migrations.RunSQL.noop),
    ]
