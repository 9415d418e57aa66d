"""Indexes that the search for payments uses, made while payments go on being written."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

NEW = ("decision_customer", "decision_time_amount", "decision_flagged")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scoring", "0002_pending_features")]
    operations = [
        # Of an attempt that broke off; an index may be there and not valid.
        *(migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", migrations.RunSQL.noop) for name in NEW),
        AddIndexConcurrently(
            "decision",
            models.Index(
                fields=["customer_id", "occurred_at"],
                condition=models.Q(("customer_id", ""), _negated=True),
                name="decision_customer",
            ),
        ),
        AddIndexConcurrently("decision", models.Index(fields=["occurred_at", "amount"], name="decision_time_amount")),
        AddIndexConcurrently(
            "decision",
            models.Index(
                fields=["occurred_at"],
                condition=models.Q(("outcome__in", ["review", "decline"])),
                name="decision_flagged",
            ),
        ),
        RemoveIndexConcurrently("decision", "scoring_dec_occurre_2bc932_idx"),
    ]
