"""Leases on partitions, the workers that share them, and labels that wait for their payments."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("streams", "0002_permissions")]

    operations = [
        migrations.AlterModelOptions("streamprogress", {"verbose_name_plural": "stream progress"}),
        migrations.AddField(
            "streamprogress",
            "owner",
            models.CharField(blank=True, default="", help_text="The worker that reads it; empty: none.", max_length=32),
        ),
        migrations.AddField("streamprogress", "lease_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("streamprogress", "refused", models.PositiveIntegerField(default=0)),
        migrations.AddField(
            "streamprogress",
            "finished_at",
            models.DateTimeField(blank=True, help_text="When a closed partition was read to its end.", null=True),
        ),
        migrations.CreateModel(
            name="StreamWorker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("owner", models.CharField(max_length=32)),
                ("stream", models.CharField(max_length=64)),
                ("seen_at", models.DateTimeField()),
                (
                    "lag_records",
                    models.BigIntegerField(
                        help_text="Records it has not read; empty: the broker cannot say.", null=True
                    ),
                ),
                (
                    "oldest_seconds",
                    models.FloatField(help_text="Age of the oldest record of its last batch.", null=True),
                ),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("stream", "owner"), name="stream_worker_once")]},
        ),
        migrations.CreateModel(
            name="WaitingLabel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream", models.CharField(max_length=64)),
                ("partition", models.CharField(max_length=64)),
                ("position", models.CharField(max_length=64)),
                ("transaction_id", models.CharField(db_index=True, max_length=64)),
                ("body", models.BinaryField()),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("stream", "partition", "position"), name="waiting_label_once")
                ]
            },
        ),
    ]
