"""The history of the lists, beginning with what stands on them."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

BEGIN_HISTORY = """
INSERT INTO scoring_listchange (action, kind, entity, value, reason, expires_at, author_id, happened_at)
SELECT 'added', kind, entity, value, reason, expires_at, author_id, created_at FROM scoring_listentry ORDER BY id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0003_search_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ListChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.CharField(choices=[("added", "put on"), ("removed", "taken off")], max_length=7)),
                ("kind", models.CharField(choices=[("block", "Block"), ("allow", "Allow")], max_length=5)),
                (
                    "entity",
                    models.CharField(
                        choices=[
                            ("card", "Card"),
                            ("customer", "Customer"),
                            ("merchant", "Merchant"),
                            ("device", "Device"),
                            ("ip", "Ip"),
                        ],
                        max_length=8,
                    ),
                ),
                ("value", models.CharField(max_length=64)),
                ("reason", models.CharField(max_length=200)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("happened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "author",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["entity", "value", "happened_at"], name="list_change_of")],
            },
        ),
        migrations.RunSQL(BEGIN_HISTORY, migrations.RunSQL.noop),
    ]
