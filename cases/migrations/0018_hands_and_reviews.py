"""Who stands behind a verdict and the word on it, and by which keys reviews are taken, noted on and decided."""

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


def people() -> "ArrayField[list[int], list[int]]":
    return ArrayField(models.IntegerField(), null=True, blank=True, editable=False)


BY_KEY = models.ForeignKey(
    "scoring.apikey",
    null=True,
    blank=True,
    on_delete=django.db.models.deletion.PROTECT,
    db_index=False,
    related_name="+",
)
NOTES = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)


class Migration(migrations.Migration):
    dependencies = [("cases", "0017_acts_by_key"), ("scoring", "0011_label_api_key")]

    operations = [
        migrations.AddField("check", "api_key", BY_KEY),
        migrations.AddField("check", "first_people", people()),
        migrations.AddField("check", "notes", NOTES),
        migrations.AddField("verdict", "checkers", people()),
        migrations.AddField("verdict", "makers", people()),
        # Not looked through while the table is locked: the migration after next validates it.
        AddConstraintNotValid(
            "verdict",
            models.CheckConstraint(
                condition=models.Q(makers=None)
                | models.Q(checkers=None)
                | ~models.Q(makers__overlap=models.F("checkers")),
                name="verdict_four_eyes_of_two_people",
            ),
        ),
    ]
