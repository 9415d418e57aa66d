"""Queues, the order of work, what the clock does; the default queue for the cases there are, and one for leads."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.math
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from cases.migrations._groups import allow

_EDIT = ["cases.view_queue", "cases.add_queue", "cases.change_queue", "cases.delete_queue"]
GROUPS = {
    "lead": ["cases.view_all_queues", "cases.move_case"],
    "manager": ["cases.view_all_queues", *_EDIT],
    "auditor": ["cases.view_all_queues", "cases.view_queue"],
}

# No index can be made while rows that were just written wait to be checked.
CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"


def make_queues(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent."""
    Queue = apps.get_model("cases", "Queue")
    sla = settings.CASE_SLA_MINUTES
    leads, _ = Queue.objects.get_or_create(
        slug="leads", defaults={"title": "Leads", "takes_new": False, "position": 1000, "sla_minutes": 240}
    )
    leads.groups.set(apps.get_model("auth", "Group").objects.filter(name="lead"))
    default, _ = Queue.objects.get_or_create(
        is_default=True,
        defaults={
            "slug": "general",
            "title": "General",
            "sla_minutes": sla,
            "warn_minutes": min(10, sla - 1),
            "escalates_to": leads,
        },
    )
    apps.get_model("cases", "Case").objects.filter(queue=None).update(queue=default)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cases", "0006_case_events"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Queue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.SlugField(help_text="Its name in addresses and metrics.", max_length=40, unique=True)),
                ("title", models.CharField(max_length=40, unique=True)),
                (
                    "position",
                    models.PositiveIntegerField(
                        default=100, help_text="The first that fits takes a case; 1 is asked first."
                    ),
                ),
                (
                    "condition",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="In the language of rules: amount >= 500 AND channel = 'ecommerce'. Empty takes every case.",
                        max_length=2000,
                    ),
                ),
                (
                    "takes_new",
                    models.BooleanField(
                        default=True,
                        help_text="Off: cases come by escalation or by hand only.",
                        verbose_name="takes new cases",
                    ),
                ),
                (
                    "is_enabled",
                    models.BooleanField(
                        default=True,
                        help_text="Off: no case comes in any more; those in it can be worked off.",
                        verbose_name="enabled",
                    ),
                ),
                ("is_default", models.BooleanField(default=False, editable=False)),
                (
                    "sla_minutes",
                    models.PositiveIntegerField(
                        default=60,
                        help_text="Minutes to decide.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(43200),
                        ],
                        verbose_name="SLA",
                    ),
                ),
                (
                    "warn_minutes",
                    models.PositiveIntegerField(
                        default=10,
                        help_text="So many minutes before the SLA ends those who work here are warned; 0: never.",
                        verbose_name="warning",
                    ),
                ),
                (
                    "half_life_minutes",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="A case with so many minutes less to go weighs like one with twice as much at stake.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(43200),
                        ],
                        verbose_name="half-life of urgency",
                    ),
                ),
                (
                    "on_timeout",
                    models.CharField(
                        choices=[
                            ("nothing", "Nothing: it stays, marked as over time"),
                            ("escalate", "Escalate it"),
                            ("decide", "Decide by default, without labels"),
                        ],
                        default="nothing",
                        max_length=8,
                        verbose_name="when time is up",
                    ),
                ),
                (
                    "default_verdict",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("inconclusive", "Inconclusive")],
                        default="",
                        help_text="Of cases decided by default.",
                        max_length=12,
                    ),
                ),
            ],
            options={
                "permissions": [
                    ("view_all_queues", "Can see the cases of queues they are no member of"),
                    ("move_case", "Can move cases to another queue"),
                ],
            },
        ),
        migrations.RemoveConstraint(
            model_name="handling",
            name="handling_ended_somehow",
        ),
        migrations.RemoveIndex(
            model_name="case",
            name="case_open_by_stake",
        ),
        migrations.AddField(
            model_name="case",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="half_life_minutes",
            field=models.PositiveIntegerField(db_default=30, default=30),
        ),
        migrations.AddField(
            model_name="case",
            name="is_placed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="case",
            name="warned_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="caseevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("joined", "Joined"),
                    ("viewed", "Viewed"),
                    ("claimed", "Claimed"),
                    ("released", "Released"),
                    ("skipped", "Skipped"),
                    ("verdict", "Verdict"),
                    ("note", "Note"),
                    ("moved", "Moved"),
                    ("escalated", "Escalated"),
                    ("warned", "Warned"),
                    ("snoozed", "Snoozed"),
                    ("woken", "Woken"),
                    ("reopened", "Reopened"),
                    ("undone", "Undone"),
                    ("approved", "Approved"),
                    ("refused", "Refused"),
                    ("tagged", "Tagged"),
                    ("attached", "Attached"),
                    ("printed", "Printed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="handling",
            name="ending",
            field=models.CharField(
                blank=True,
                choices=[
                    ("verdict", "Verdict"),
                    ("skipped", "Skipped"),
                    ("released", "Released"),
                    ("expired", "Expired"),
                    ("escalated", "Escalated"),
                ],
                default="",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="handling",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("ending", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("ending__in", ["verdict", "skipped", "released", "expired", "escalated"]),
                    ),
                    _connector="OR",
                ),
                name="handling_ended_somehow",
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="escalates_to",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cases.queue"
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="groups",
            field=models.ManyToManyField(
                blank=True, help_text="Their people are members.", related_name="queues", to="auth.group"
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="members",
            field=models.ManyToManyField(
                blank=True,
                help_text="Who sees its cases and works on them. Without members and groups: everybody who may review.",
                related_name="queues",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="queue",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="cases", to="cases.queue"
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="rank",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.expressions.CombinedExpression(
                    django.db.models.expressions.CombinedExpression(
                        django.db.models.functions.math.Ln(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.functions.comparison.Cast(models.F("stake"), models.FloatField()),
                                "+",
                                models.Value(1.0),
                            )
                        ),
                        "/",
                        models.Value(0.6931471805599453),
                    ),
                    "-",
                    django.db.models.expressions.CombinedExpression(
                        models.Func(
                            models.F("due_at"),
                            output_field=models.FloatField(),
                            template="extract(epoch FROM %(expressions)s - timestamptz '1970-01-01 00:00:00+00')::float8",
                        ),
                        "/",
                        django.db.models.expressions.CombinedExpression(
                            models.F("half_life_minutes"), "*", models.Value(60.0)
                        ),
                    ),
                ),
                output_field=models.FloatField(),
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["queue", "-rank"], name="case_open_by_rank"
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["queue", "due_at"], name="case_open_by_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("is_default",), name="queue_one_default"
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_default", False),
                    models.Q(("condition", ""), ("is_enabled", True), ("takes_new", True)),
                    _connector="OR",
                ),
                name="queue_default_takes_all",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("half_life_minutes__gt", 0), ("sla_minutes__gt", 0), ("warn_minutes__lt", models.F("sla_minutes"))
                ),
                name="queue_times_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("on_timeout", "nothing"),
                    models.Q(("escalates_to__isnull", False), ("on_timeout", "escalate")),
                    models.Q(
                        ("default_verdict__in", ["fraud", "legitimate", "inconclusive"]), ("on_timeout", "decide")
                    ),
                    _connector="OR",
                ),
                name="queue_timeout_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("escalates_to", None), models.Q(("escalates_to", models.F("id")), _negated=True), _connector="OR"
                ),
                name="queue_escalates_elsewhere",
            ),
        ),
        allow(GROUPS),
        migrations.RunPython(make_queues, migrations.RunPython.noop),
        migrations.RunSQL(CHECK_NOW, migrations.RunSQL.noop),
    ]
