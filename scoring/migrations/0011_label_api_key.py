"""A label that a program said names its key."""

import django.db.models.deletion
from django.db import migrations, models

BY_KEY = models.ForeignKey(
    "scoring.apikey",
    null=True,
    blank=True,
    on_delete=django.db.models.deletion.PROTECT,
    db_index=False,
    related_name="+",
)


class Migration(migrations.Migration):
    dependencies = [("scoring", "0010_webhook_failed")]

    operations = [migrations.AddField("label", "api_key", BY_KEY)]
