"""The label ledger: what is said of payments after they were decided."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from scoring.models.decision import Decision


class Label(models.Model):
    """One statement about a payment: who says what, when it was said and since when it is known. Append only.

    A correction is another statement of the same source; `withdrawn` takes back what the source said before.
    """

    class Value(models.TextChoices):
        FRAUD = "fraud"
        LEGITIMATE = "legitimate"
        WITHDRAWN = "withdrawn"

    class Source(models.TextChoices):
        CHARGEBACK = "chargeback"
        ISSUER_REPORT = "issuer_report"
        CUSTOMER = "customer"
        ANALYST = "analyst"

    class Truth(models.TextChoices):
        """What a payment can be believed to be."""

        FRAUD = "fraud"
        LEGITIMATE = "legitimate"

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="labels")
    label = models.CharField(max_length=10, choices=Value.choices)
    source = models.CharField(max_length=16, choices=Source.choices)
    asserted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the source said it; `known_at` where it does not tell."
    )
    known_at = models.DateTimeField(help_text="Since when we know: nothing before may have used it.")
    created_at = models.DateTimeField(db_default=Now())
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    # The key of the program that said it; empty where nobody's did.
    api_key = models.ForeignKey(
        "scoring.ApiKey", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    reason = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="The source's code, such as a chargeback's."
    )
    note = models.CharField(max_length=500, blank=True, default="")
    # Empty until merchant and device risk have counted it.
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["decision", "source", "label", "known_at"], name="label_said_once"),
            models.CheckConstraint(
                condition=models.Q(label__in=["fraud", "legitimate", "withdrawn"]), name="label_value_known"
            ),
            models.CheckConstraint(
                condition=models.Q(asserted_at=None) | models.Q(asserted_at__lte=models.F("known_at")),
                name="label_said_before_known",
            ),
        ]
        indexes = [
            models.Index(fields=["known_at"], name="label_by_known"),
            models.Index(fields=["known_at"], condition=models.Q(applied_at=None), name="label_to_apply"),
        ]

    def __str__(self) -> str:
        return f"{self.label} says {self.source}"
