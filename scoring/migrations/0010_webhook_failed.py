"""An index of messages that were given up, made while others go on being sent."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scoring", "0009_metrics_scope")]
    operations = [
        # Of an attempt that broke off; the index may be there and not valid.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS webhook_failed", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "webhookdelivery",
            models.Index(fields=["endpoint"], condition=models.Q(("state", "failed")), name="webhook_failed"),
        ),
    ]
