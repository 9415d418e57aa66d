"""A scope of its own for what reads `/metrics`."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0008_rescoring"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="apikey",
            name="api_key_known_scopes",
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes__contained_by", ["decide", "label", "read", "cases", "metrics"])),
                name="api_key_known_scopes",
            ),
        ),
    ]
