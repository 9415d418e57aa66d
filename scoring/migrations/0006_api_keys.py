"""Keys that expire, are rotated, have limits of their own and act for a person."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The scope has opened nothing so far; from now on it needs somebody to act for.
DROP_CASES = "UPDATE scoring_apikey SET scopes = array_remove(scopes, 'cases') WHERE 'cases' = ANY (scopes)"


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0005_verdicts_topic"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(DROP_CASES, migrations.RunSQL.noop),
        migrations.AlterModelOptions(
            name="apikey",
            options={"verbose_name": "API key"},
        ),
        migrations.AddField(
            model_name="apikey",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="rate_limit",
            field=models.PositiveIntegerField(
                blank=True, help_text="Calls a second, a payment of a batch each; empty: API_RATE_LIMIT.", null=True
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="revoked_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="rotated_from",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="scoring.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="api_keys",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes__contained_by", ["decide", "label", "read", "cases"])),
                name="api_key_known_scopes",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scopes__contains", ["cases"]), _negated=True), ("user__isnull", False), _connector="OR"
                ),
                name="api_key_cases_has_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate_limit", None), ("rate_limit__gt", 0), _connector="OR"),
                name="api_key_rate_limit",
            ),
        ),
    ]
