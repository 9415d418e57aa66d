"""Payments of a customer are found as those of a card are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built beside the running stream, which must not wait for it.
    atomic = False

    dependencies = [("scoring", "0003_list_changes")]

    operations = [
        AddIndexConcurrently(
            model_name="decision",
            index=models.Index(
                fields=["customer_id", "occurred_at"],
                condition=~models.Q(customer_id=""),
                name="decision_customer",
            ),
        ),
    ]
