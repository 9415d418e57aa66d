"""Fraud that a verdict let go is told from what was stopped; hours with labels and days of work are counted again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0013_begin_verdicts"),
    ]

    operations = [
        migrations.AddField(
            model_name="hourlyfigures",
            name="released",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="hourlyfigures",
            name="released_amount",
            field=models.DecimalField(db_default=0, decimal_places=4, default=0, max_digits=30),
        ),
        migrations.AddConstraint(
            model_name="hourlyfigures",
            constraint=models.CheckConstraint(
                condition=models.Q(("released__lte", models.F("stopped"))), name="hourly_figures_released_were_stopped"
            ),
        ),
        migrations.RunSQL(
            "UPDATE cases_figuresprogress SET label_counted = 0, event_counted = 0", migrations.RunSQL.noop
        ),
    ]
