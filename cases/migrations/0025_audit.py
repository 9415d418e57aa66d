"""The random audit of approved payments; figures are counted again, as labels are believed by one order now."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_KEEP = """
CREATE FUNCTION cases_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was set and drawn for the audit stays on record' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER audit_setting_stays BEFORE UPDATE OR DELETE ON cases_auditsetting FOR EACH ROW
  EXECUTE FUNCTION cases_audit_stays();
CREATE TRIGGER audit_rate_stays BEFORE UPDATE OR DELETE ON cases_auditrate FOR EACH ROW
  EXECUTE FUNCTION cases_audit_stays();
CREATE TRIGGER audit_draw_stays BEFORE UPDATE OR DELETE ON cases_auditdraw FOR EACH ROW
  EXECUTE FUNCTION cases_audit_stays();
"""
_FORGET = """
DROP TRIGGER audit_draw_stays ON cases_auditdraw;
DROP TRIGGER audit_rate_stays ON cases_auditrate;
DROP TRIGGER audit_setting_stays ON cases_auditsetting;
DROP FUNCTION cases_audit_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0024_score_figures"),
        ("scoring", "0019_label_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="hourlyfigures",
            name="missed_reported",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name="AuditSetting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("share", models.FloatField(help_text="Of approved payments, 0-0.05; 0: no audit.")),
                (
                    "daily_reviews",
                    models.PositiveIntegerField(help_text="The chance falls where more would be drawn in a day (UTC)."),
                ),
                ("set_at", models.DateTimeField()),
                (
                    "set_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="AuditRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                (
                    "expected",
                    models.BigIntegerField(
                        help_text="Approved payments, by the busiest of the 7 days before.", null=True
                    ),
                ),
                ("chance", models.FloatField()),
                (
                    "setting",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rates",
                        to="cases.auditsetting",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="AuditDraw",
            fields=[
                (
                    "decision",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="audit_draw",
                        serialize=False,
                        to="scoring.decision",
                    ),
                ),
                ("day", models.DateField(db_index=True)),
                (
                    "number",
                    models.FloatField(
                        help_text="The payment's, 0-1, by a keyed hash of its id: it was below the chance."
                    ),
                ),
                ("chance", models.FloatField(help_text="After thinning: what 1 is divided by for its weight.")),
                ("drawn_at", models.DateTimeField()),
                (
                    "rate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="draws", to="cases.auditrate"
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("chance__lte", 0.05), ("number__gte", 0), ("number__lt", models.F("chance"))
                        ),
                        name="audit_draw_chance",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="auditsetting",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gte", 0), ("share__lte", 0.05)), name="audit_share"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditsetting",
            constraint=models.CheckConstraint(
                condition=models.Q(("daily_reviews__gte", 1), ("daily_reviews__lte", 10000)), name="audit_daily_reviews"
            ),
        ),
        migrations.AddConstraint(
            model_name="auditrate",
            constraint=models.UniqueConstraint(fields=("setting", "day"), name="audit_rate_once"),
        ),
        migrations.AddConstraint(
            model_name="auditrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("chance__gt", 0), ("chance__lte", 0.05)), name="audit_rate_chance"
            ),
        ),
        migrations.RunSQL(_KEEP, _FORGET),
        migrations.RunSQL(
            "UPDATE cases_figuresprogress SET decision_counted = 0, label_counted = 0", migrations.RunSQL.noop
        ),
    ]
