"""Handling times and presence; who may read the handling times in the admin."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {"manager": ["cases.view_handling"], "auditor": ["cases.view_handling"]}


def give_permissions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent. Permissions are normally made after all migrations; we need them now."""
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    app_config = apps.get_app_config("cases")
    # create_permissions passes over apps without a models module, which historical ones lack.
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    app_config.models_module = None
    for name, permissions in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        for permission in permissions:
            label, codename = permission.split(".")
            group.permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0002_groups"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                ],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Handling",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("claimed_at", models.DateTimeField()),
                ("first_viewed_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("verdict", "Verdict"),
                            ("skipped", "Skipped"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "analyst",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="handlings",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="handlings", to="cases.case"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["analyst", "ended_at"], name="cases_handl_analyst_c88736_idx"),
                    models.Index(fields=["ended_at"], name="cases_handl_ended_a_2a2f2e_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("case",), name="handling_one_running_a_case"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("ending", "")),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("ending__in", ["verdict", "skipped", "released", "expired"]),
                            ),
                            _connector="OR",
                        ),
                        name="handling_ended_somehow",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Presence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField()),
                (
                    "case",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="presences",
                        to="cases.case",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("case", "user"), name="presence_one_a_person")],
            },
        ),
        migrations.RunPython(give_permissions, migrations.RunPython.noop),
    ]
