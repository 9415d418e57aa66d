"""Exports of payments, recorded; who may make them and who may read the record."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {
    "lead": ["cases.export_payments"],
    "manager": ["cases.export_payments", "cases.view_paymentexport"],
    "auditor": ["cases.export_payments", "cases.view_paymentexport"],
}


def allow_exports(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Idempotent. Permissions are normally made after all migrations; they are needed now."""
    Group = apps.get_model("auth", "Group")  # noqa: N806 - a model class
    Permission = apps.get_model("auth", "Permission")  # noqa: N806 - a model class
    app_config = apps.get_app_config("cases")
    # create_permissions passes over apps without a models module, which historical ones lack.
    app_config.models_module = True
    create_permissions(app_config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    app_config.models_module = None
    for group in Group.objects.filter(name__in=GROUPS):
        for permission in GROUPS[group.name]:
            label, codename = permission.split(".")
            group.permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0003_handling_and_presence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="PaymentExport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("exported_at", models.DateTimeField()),
                ("file_format", models.CharField(choices=[("csv", "CSV"), ("parquet", "Parquet")], max_length=8)),
                ("filters", models.JSONField(help_text="What was filled in, by the names of the search's fields.")),
                ("rows", models.PositiveIntegerField()),
                ("is_cut", models.BooleanField(help_text="More payments fitted than an export may have.")),
                (
                    "exported_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "permissions": [("export_payments", "Can export the payments of a search")],
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["exported_at"], name="cases_payme_exporte_e91d66_idx")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("file_format__in", ["csv", "parquet"])), name="export_file_format_known"
                    )
                ],
            },
        ),
        migrations.RunPython(allow_exports, migrations.RunPython.noop),
    ]
