"""Who stands behind a second review, and nobody on both its sides; no row is read while the table is locked."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cases", "0018_hands_and_reviews")]

    operations = [
        migrations.AddField(
            "check", "reviewer_people", ArrayField(models.IntegerField(), null=True, blank=True, editable=False)
        ),
        AddConstraintNotValid(
            "check",
            models.CheckConstraint(
                condition=models.Q(first_people=None)
                | models.Q(reviewer_people=None)
                | ~models.Q(first_people__overlap=models.F("reviewer_people")),
                name="check_four_eyes_of_two_people",
            ),
        ),
    ]
