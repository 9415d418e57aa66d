"""Where payments lie among others: embeddings of flagged ones and of frauds."""

from django.db import models
from pgvector.django import HnswIndex, VectorField

from scoring.models.decision import Decision
from scoring.models.labels import Label

# As many numbers as the autoencoder's middle layer has.
EMBEDDING_WIDTH = 8


class PaymentEmbedding(models.Model):
    """The embedding of a payment that was flagged or is a confirmed fraud. Only those of one model can be compared.

    `label` follows the ledger within seconds: by it the nearest are found, and the ledger is asked about these.
    """

    decision = models.OneToOneField(Decision, primary_key=True, on_delete=models.CASCADE, related_name="embedding")
    model_version = models.CharField(max_length=64)
    card_id = models.CharField(max_length=64)
    embedding = VectorField(dimensions=EMBEDDING_WIDTH, help_text="Of length 1.")
    label = models.CharField(max_length=10, choices=Label.Value.choices, blank=True, default="")
    fraud_similarity = models.FloatField(
        null=True, help_text="To the nearest confirmed frauds of other cards, 0-1; empty while there are none."
    )
    computed_at = models.DateTimeField(help_text="Of frauds confirmed later, the similarity knows nothing.")

    class Meta:
        default_permissions = ("view",)
        indexes = [
            # Measured with 100,000 rows: 0.2 ms a question where a scan takes 50, and 3 ms a row that is added. So only
            # what is confirmed is in them. One each: nearest frauds must not be looked for among more false alarms.
            HnswIndex(
                fields=["embedding"],
                opclasses=["vector_cosine_ops"],
                condition=models.Q(label="fraud"),
                name="embedding_of_fraud",
            ),
            HnswIndex(
                fields=["embedding"],
                opclasses=["vector_cosine_ops"],
                condition=models.Q(label="legitimate"),
                name="embedding_of_legitimate",
            ),
            models.Index(fields=["model_version"], name="embedding_model"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(label__in=["", "fraud", "legitimate"]), name="embedding_label_known"
            ),
            models.CheckConstraint(
                condition=models.Q(fraud_similarity=None) | models.Q(fraud_similarity__gte=0, fraud_similarity__lte=1),
                name="embedding_similarity_0_to_1",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} by {self.model_version}"


class EmbeddingProgress(models.Model):
    """How far the record is embedded: the one row there is."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # All labels up to this one were looked at, and all flagged payments that occurred before this time.
    label_id = models.BigIntegerField(default=0)
    flagged_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "embedding progress"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="embedding_progress_is_one")]

    def __str__(self) -> str:
        return f"labels to {self.label_id}, flagged until {self.flagged_until}"
