"""Exports of payments, recorded; who may make them and who may read the record."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

GROUPS = {
    "lead": ["cases.export_payments"],
    "manager": ["cases.export_payments", "cases.view_paymentexport"],
    "auditor": ["cases.export_payments", "cases.view_paymentexport"],
}


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
        allow(GROUPS),
    ]
