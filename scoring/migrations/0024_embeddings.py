"""Embeddings of payments, in the type that the extension pgvector brings; what rescoring says of strangeness."""

import django.db.models.deletion
import pgvector.django.indexes
import pgvector.django.vector
from django.core.management import CommandError
from django.db import Error, migrations, models
from pgvector.django import VectorExtension


class Vector(VectorExtension):
    """The extension, 0.8 or later; where it is there already, no right to create it is needed."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        except Error as error:
            raise CommandError(
                "PostgreSQL needs the extension pgvector, 0.8 or later. Install it on the database's machine (package"
                " postgresql-18-pgvector; the image pgvector/pgvector:pg18 has it), then, as a superuser and in this"
                f" database: CREATE EXTENSION vector. PostgreSQL says: {error}"
            ) from error


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0023_explanation"),
    ]

    operations = [
        Vector(),
        migrations.AddField(
            model_name="rescoring",
            name="anomaly_score",
            field=models.FloatField(null=True),
        ),
        migrations.CreateModel(
            name="EmbeddingProgress",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("label_id", models.BigIntegerField(default=0)),
                ("flagged_until", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "embedding progress",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="embedding_progress_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentEmbedding",
            fields=[
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="embedding",
                        serialize=False,
                        to="scoring.decision",
                    ),
                ),
                ("model_version", models.CharField(max_length=64)),
                ("card_id", models.CharField(max_length=64)),
                ("embedding", pgvector.django.vector.VectorField(dimensions=8, help_text="Of length 1.")),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        choices=[("fraud", "Fraud"), ("legitimate", "Legitimate"), ("withdrawn", "Withdrawn")],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "fraud_similarity",
                    models.FloatField(
                        help_text="To the nearest confirmed frauds of other cards, 0-1; empty while there are none.",
                        null=True,
                    ),
                ),
                (
                    "computed_at",
                    models.DateTimeField(help_text="Of frauds confirmed later, the similarity knows nothing."),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [
                    pgvector.django.indexes.HnswIndex(
                        condition=models.Q(("label", "fraud")),
                        fields=["embedding"],
                        name="embedding_of_fraud",
                        opclasses=["vector_cosine_ops"],
                    ),
                    pgvector.django.indexes.HnswIndex(
                        condition=models.Q(("label", "legitimate")),
                        fields=["embedding"],
                        name="embedding_of_legitimate",
                        opclasses=["vector_cosine_ops"],
                    ),
                    models.Index(fields=["model_version"], name="embedding_model"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("label__in", ["", "fraud", "legitimate"])), name="embedding_label_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("fraud_similarity", None),
                            models.Q(("fraud_similarity__gte", 0), ("fraud_similarity__lte", 1)),
                            _connector="OR",
                        ),
                        name="embedding_similarity_0_to_1",
                    ),
                ],
            },
        ),
    ]
