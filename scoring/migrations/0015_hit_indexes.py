"""Payments that met rules, or that rules failed on, are found at once. Made while payments go on being written."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

HIT = models.Index(fields=["occurred_at"], condition=models.Q(("rule_hits", []), _negated=True), name="decision_hit")
FAILED = models.Index(
    fields=["decided_at"], condition=models.Q(("rule_failures", []), _negated=True), name="decision_failed"
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scoring", "0014_lists")]
    operations = [
        # Of an attempt that broke off; an index may be there and not valid.
        *(
            migrations.RunSQL(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}", migrations.RunSQL.noop)
            for index in (HIT, FAILED)
        ),
        AddIndexConcurrently("decision", HIT),
        AddIndexConcurrently("decision", FAILED),
    ]
