"""Queues can ask how similar a payment is to confirmed frauds."""

import django.core.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cases", "0029_drift_permissions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="queue",
            name="queue_default_takes_all",
        ),
        migrations.AddField(
            model_name="queue",
            name="least_similarity",
            field=models.FloatField(
                blank=True,
                help_text="0 to 1: beside its condition, a payment has to be so similar to confirmed frauds. Empty: any.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0.0),
                    django.core.validators.MaxValueValidator(1.0),
                ],
                verbose_name="least similarity to frauds",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_default", False),
                    models.Q(("condition", ""), ("is_enabled", True), ("least_similarity", None), ("takes_new", True)),
                    _connector="OR",
                ),
                name="queue_default_takes_all",
            ),
        ),
        migrations.AddConstraint(
            model_name="queue",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("least_similarity", None),
                    models.Q(("least_similarity__gte", 0), ("least_similarity__lte", 1)),
                    _connector="OR",
                ),
                name="queue_similarity_0_to_1",
            ),
        ),
    ]
