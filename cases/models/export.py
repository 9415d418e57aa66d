"""What left in files."""

from django.conf import settings
from django.db import models


class PaymentExport(models.Model):
    """Payments that left in a file: who took them, when, by which search. Append only."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    exported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    exported_at = models.DateTimeField()
    file_format = models.CharField(max_length=8, choices=Format.choices)
    filters = models.JSONField(help_text="What was filled in, by the names of the search's fields.")
    rows = models.PositiveIntegerField()
    is_cut = models.BooleanField(help_text="More payments fitted than an export may have.")

    class Meta:
        default_permissions = ("view",)
        permissions = [("export_payments", "Can export the payments of a search")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(file_format__in=["csv", "parquet"]), name="export_file_format_known"
            )
        ]
        indexes = [models.Index(fields=["exported_at"])]

    def __str__(self) -> str:
        return f"{self.rows} payments as {self.file_format}"
