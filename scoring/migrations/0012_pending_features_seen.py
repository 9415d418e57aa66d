"""Feature writes that wait among many of an outage are found at once."""

from django.db import migrations, models

UNSEEN = models.Q(("is_degraded", True), ("settled_at", None))
INDEX = models.Index(fields=["id"], condition=~UNSEEN, name="pending_features_seen")


class Migration(migrations.Migration):
    dependencies = [("scoring", "0011_label_api_key")]

    operations = [migrations.AddIndex("pendingfeatures", INDEX)]
