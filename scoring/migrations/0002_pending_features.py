"""Feature writes that are known once they are done; positions as text, for brokers whose positions have 56 digits."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

# Django would make NULL of an empty position; the row numbers and offsets of before stay as they are.
POSITION_TO_TEXT = """
ALTER TABLE scoring_decision
  ALTER COLUMN position TYPE varchar(64) USING coalesce(position::text, ''),
  ALTER COLUMN position SET NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("scoring", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="decision", name="scoring_dec_source_eca4a8_idx"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(POSITION_TO_TEXT)],
            state_operations=[
                migrations.AlterField(
                    model_name="decision",
                    name="position",
                    field=models.CharField(
                        blank=True, default="", help_text="Offset or row number in the source.", max_length=64
                    ),
                ),
            ],
        ),
        migrations.AddField(model_name="outbox", name="payload", field=models.BinaryField(default=b"")),
        # It lives for milliseconds: not worth compressing.
        migrations.RunSQL(
            "ALTER TABLE scoring_outbox ALTER COLUMN payload SET STORAGE EXTERNAL", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="PendingFeatures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("writer", models.CharField(help_text="stream:<topic>, api, file:<name> or labels.", max_length=128)),
                (
                    "decision_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                (
                    "label_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "settled_at",
                    models.DateTimeField(help_text="When somebody else than the writer counted it.", null=True),
                ),
            ],
            options={"verbose_name_plural": "pending features"},
        ),
        migrations.CreateModel(
            name="FeatureRebuild",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", models.CharField(max_length=32, unique=True)),
                ("feature_version", models.CharField(max_length=16)),
                (
                    "pending",
                    models.JSONField(
                        default=list, help_text="Ids of the feature writes that were not settled when it began."
                    ),
                ),
                ("last_decision_id", models.BigIntegerField(default=0)),
                ("last_label_id", models.BigIntegerField(default=0)),
                ("payments", models.BigIntegerField(default=0)),
                ("labels", models.BigIntegerField(default=0)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
