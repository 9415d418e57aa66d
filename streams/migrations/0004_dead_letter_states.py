"""Dead letters get a state and a history; managers may send them again, and see workers and waiting labels."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import MD5

VIEWS = ["view_streamworker", "view_waitinglabel"]
CODENAMES = {"manager": ["resend_deadletter", *VIEWS], "auditor": VIEWS}


def extend_permissions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent. Permissions are normally made after all migrations; they are needed now."""
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    app_config = apps.get_app_config("streams")
    # create_permissions passes over apps without a models module, which historical ones lack.
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    app_config.models_module = None
    for group in Group.objects.filter(name__in=CODENAMES):
        permissions = Permission.objects.filter(content_type__app_label="streams", codename__in=CODENAMES[group.name])
        group.permissions.add(*permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("streams", "0003_leases"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="deadletter",
            options={"permissions": [("resend_deadletter", "Can send dead letters again or set them aside")]},
        ),
        migrations.AddField(
            model_name="deadletter",
            name="state",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("sending", "Being sent"),
                    ("sent", "Sent again"),
                    ("set_aside", "Set aside"),
                ],
                default="waiting",
                max_length=9,
            ),
        ),
        migrations.AddConstraint(
            model_name="deadletter",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "sending", "sent", "set_aside"])),
                name="dead_letter_state_known",
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("state", "sent"), _negated=True), fields=["state"], name="dead_letter_to_do"
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(MD5("body"), name="dead_letter_by_body"),
        ),
        migrations.CreateModel(
            name="DeadLetterEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("resend", "Sent again"), ("set_aside", "Set aside")], max_length=9),
                ),
                ("happened_at", models.DateTimeField()),
                ("body", models.BinaryField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: by command.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "letter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="events", to="streams.deadletter"
                    ),
                ),
            ],
        ),
        migrations.RunPython(extend_permissions, migrations.RunPython.noop),
    ]
