"""Decisions made without a part are scored again: what waits for it, and what was found."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0007_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="pendingfeatures",
            name="is_degraded",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="Rescoring",
            fields=[
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="rescoring",
                        serialize=False,
                        to="scoring.decision",
                    ),
                ),
                ("rescored_at", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")], max_length=8
                    ),
                ),
                (
                    "score",
                    models.FloatField(
                        help_text="Calibrated probability of fraud, 0-1; empty without a model.", null=True
                    ),
                ),
                ("reasons", models.JSONField(default=list)),
                (
                    "rule_hits",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), default=list, size=None
                    ),
                ),
                (
                    "missing",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        default=list,
                        help_text="Parts that were missing again.",
                        size=None,
                    ),
                ),
                (
                    "features",
                    models.BinaryField(
                        help_text="float32 vector in the order of the feature table of feature_version."
                    ),
                ),
                ("feature_version", models.CharField(max_length=16)),
                ("model_version", models.CharField(blank=True, default="", max_length=64)),
                ("policy_version", models.PositiveIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["rescored_at"], name="rescoring_at"),
                    models.Index(fields=["outcome"], name="rescoring_outcome"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["approve", "review", "decline"])),
                        name="rescoring_outcome_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RescoringDue",
            fields=[
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="rescoring_due",
                        serialize=False,
                        to="scoring.decision",
                    ),
                ),
                (
                    "parts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        help_text="What the decision was made without.",
                        size=None,
                    ),
                ),
                ("receipt", models.BigIntegerField(null=True)),
                (
                    "features",
                    models.BinaryField(help_text="The vector it should have had; of no bytes: it is lost.", null=True),
                ),
                ("feature_version", models.CharField(blank=True, db_default="", default="", max_length=16)),
                ("lacks_frauds", models.BooleanField(db_default=False, default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ready_at", models.DateTimeField(help_text="When its features were there.", null=True)),
            ],
            options={
                "verbose_name_plural": "rescorings due",
                "indexes": [
                    models.Index(fields=["created_at"], name="rescoring_due_since"),
                    models.Index(
                        condition=models.Q(
                            ("receipt", None),
                            models.Q(("features__isnull", False), ("lacks_frauds", False)),
                            _connector="OR",
                        ),
                        fields=["decision"],
                        name="rescoring_due_ready",
                    ),
                    models.Index(
                        condition=models.Q(("receipt__isnull", False)),
                        fields=["receipt"],
                        name="rescoring_due_features",
                    ),
                ],
            },
        ),
    ]
