"""The topic of what is to become of held payments."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0004_list_changes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="outbox",
            name="topic",
            field=models.CharField(
                choices=[
                    ("decisions", "Decisions"),
                    ("alerts", "Alerts"),
                    ("labels", "Labels"),
                    ("verdicts", "Verdicts"),
                    ("dead-letters", "Dead Letters"),
                ],
                max_length=16,
            ),
        ),
    ]
