"""What a program does in a person's name is recorded as done by its key."""

import django.db.models.deletion
from django.db import migrations, models

BY_KEY = {
    "blank": True,
    "db_index": False,
    "null": True,
    "on_delete": django.db.models.deletion.PROTECT,
    "related_name": "+",
    "to": "scoring.apikey",
}


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0016_check_handed_to"),
        ("scoring", "0006_api_keys"),
    ]

    operations = [
        migrations.AddField(model_name="caseevent", name="api_key", field=models.ForeignKey(**BY_KEY)),
        migrations.AddField(model_name="verdict", name="api_key", field=models.ForeignKey(**BY_KEY)),
    ]
