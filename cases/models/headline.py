"""What the queue chooses cases by."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from scoring.models import Decision


class Headline(models.Model):
    """Facts of the case's payment with the highest stake, beside its amount, score and reason.

    Kept on the case: fifty thousand open cases are filtered and counted without a look at their payments.
    """

    customer_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    merchant_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    merchant_name = models.CharField(max_length=128, blank=True, default="", db_default="")
    device_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    channel = models.CharField(max_length=16, blank=True, default="", db_default="")
    country = models.CharField(max_length=2, blank=True, default="", db_default="", help_text="Of the merchant.")
    # Of features and rules, the first reason first.
    reason_codes = ArrayField(models.CharField(max_length=64), blank=True, default=list, db_default=[])

    class Meta:
        abstract = True

    def take_headline(self, decision: Decision) -> None:
        """Set the facts to the decision's; saving is the caller's."""
        self.customer_id, self.device_id = decision.customer_id, decision.device_id
        self.merchant_id, self.merchant_name = decision.merchant_id, decision.merchant_name
        self.channel = str(decision.record.get("channel") or "")[:16]
        self.country = str(decision.record.get("merchant_country") or "")[:2]
        self.reason_codes = [str(reason.get("code", ""))[:64] for reason in decision.reasons]


HEADLINE_FIELDS = [field.name for field in Headline._meta.local_fields]
