"""What the queue is filtered by, and views of it under names; who may share them."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from cases.migrations._groups import allow

GROUPS = {name: ["cases.share_view"] for name in ("lead", "manager")}
# The open cases of before: each takes the facts of its payment with the highest stake.
_FILL = """
UPDATE cases_case SET customer_id = top.customer_id, merchant_id = top.merchant_id, merchant_name = top.merchant_name,
  device_id = top.device_id, channel = left(coalesce(top.record->>'channel', ''), 16),
  country = left(coalesce(top.record->>'merchant_country', ''), 2),
  reason_codes = ARRAY(SELECT left(coalesce(value->>'code', ''), 64) FROM jsonb_array_elements(top.reasons))
FROM (
  SELECT DISTINCT ON (alert.case_id) alert.case_id, decision.* FROM cases_alert AS alert
  JOIN cases_case AS waiting ON waiting.id = alert.case_id AND waiting.status = 'open'
  JOIN scoring_decision AS decision ON decision.id = alert.decision_id
  ORDER BY alert.case_id, decision.amount * coalesce(decision.score, 0.5)::numeric DESC, decision.id
) AS top WHERE cases_case.id = top.case_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cases", "0010_figures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="default_view",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "filters",
                    models.JSONField(
                        help_text="Texts by the names of the filter's fields, as its form has checked them."
                    ),
                ),
                ("is_shared", models.BooleanField(default=False)),
            ],
            options={
                "permissions": [("share_view", "Can share views of the queue with the desk")],
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="case",
            name="channel",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.AddField(
            model_name="case",
            name="country",
            field=models.CharField(blank=True, db_default="", default="", help_text="Of the merchant.", max_length=2),
        ),
        migrations.AddField(
            model_name="case",
            name="customer_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="case",
            name="device_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="case",
            name="merchant_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="case",
            name="merchant_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.AddField(
            model_name="case",
            name="reason_codes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), blank=True, db_default=[], default=list, size=None
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=models.Q(("status", "open")), fields=["-stake"], name="case_open_by_stake"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=models.Q(("status", "open")), fields=["-amount"], name="case_open_by_amount"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["due_at"], name="case_open_by_time_left"
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(condition=models.Q(("status", "open")), fields=["opened_at"], name="case_open_by_age"),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="saved_views",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="defaultview",
            name="view",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="defaults", to="cases.savedview"
            ),
        ),
        migrations.AddIndex(
            model_name="savedview",
            index=models.Index(condition=models.Q(("is_shared", True)), fields=["name"], name="saved_view_shared"),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("owner", "name"), name="saved_view_name_once"),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="saved_view_named"),
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        allow(GROUPS),
    ]
