"""Models are promoted by a second person and stay as they are; what models in shadow say is kept."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Whoever was champion before this can be brought back.
_BEGIN = "UPDATE scoring_modelversion SET promoted_at = created_at WHERE stage IN ('champion', 'retired')"
# Decisions name the model that made them: what it is may not change, nor what was done with it. The signature may be made
# anew, for keys are changed, and without the key it is worth nothing.
_FREEZE = """
CREATE FUNCTION scoring_model_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moves CONSTANT text[] := ARRAY['stage', 'share', 'stage_since', 'proposed_by_id', 'proposed_at', 'promoted_by_id',
    'promoted_at', 'signature'];
BEGIN
  IF to_jsonb(OLD) - moves IS DISTINCT FROM to_jsonb(NEW) - moves
  THEN RAISE EXCEPTION 'model % is trained: what it is stays', OLD.version USING ERRCODE = '23514';
  END IF;
  IF OLD.stage <> NEW.stage AND ((OLD.stage = 'champion' AND NEW.stage <> 'retired')
    OR (OLD.stage = 'retired' AND NEW.stage <> 'champion') OR (NEW.stage = 'champion' AND NEW.promoted_at IS NULL))
  THEN RAISE EXCEPTION 'model % cannot become % from %', OLD.version, NEW.stage, OLD.stage USING ERRCODE = '23514';
  END IF;
  IF OLD.stage IN ('champion', 'retired') AND NOT (OLD.stage = 'retired' AND NEW.stage = 'champion')
    AND (OLD.proposed_by_id, OLD.proposed_at, OLD.promoted_by_id, OLD.promoted_at)
    IS DISTINCT FROM (NEW.proposed_by_id, NEW.proposed_at, NEW.promoted_by_id, NEW.promoted_at)
  THEN RAISE EXCEPTION 'who proposed and promoted model % stays', OLD.version USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER model_stays BEFORE UPDATE ON scoring_modelversion FOR EACH ROW EXECUTE FUNCTION scoring_model_stays();

CREATE FUNCTION scoring_model_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was done with a model stays on record' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER model_event_stays BEFORE UPDATE OR DELETE ON scoring_modelevent FOR EACH ROW
  EXECUTE FUNCTION scoring_model_event_stays();
"""
_THAW = """
DROP TRIGGER model_event_stays ON scoring_modelevent;
DROP FUNCTION scoring_model_event_stays();
DROP TRIGGER model_stays ON scoring_modelversion;
DROP FUNCTION scoring_model_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0019_label_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ShadowModelFigures",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")],
                        help_text="What was decided.",
                        max_length=8,
                    ),
                ),
                (
                    "shadow_outcome",
                    models.CharField(
                        blank=True,
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")],
                        help_text="Empty: the model could not be asked.",
                        max_length=8,
                    ),
                ),
                ("payments", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=4, max_digits=30)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ShadowScore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("score", models.FloatField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[("approve", "Approve"), ("review", "Review"), ("decline", "Decline")], max_length=8
                    ),
                ),
                ("is_sampled", models.BooleanField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="modelversion",
            name="promoted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="promoted_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
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
                    ("shadow", "Shadow"),
                    ("shadow-models", "Shadow Models"),
                ],
                max_length=16,
            ),
        ),
        migrations.RunSQL(_BEGIN, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("promoted_by", None),
                    models.Q(
                        ("proposed_at__isnull", False),
                        models.Q(
                            ("proposed_by", None),
                            models.Q(("promoted_by", models.F("proposed_by")), _negated=True),
                            _connector="OR",
                        ),
                        models.Q(
                            ("requested_by", None),
                            models.Q(("promoted_by", models.F("requested_by")), _negated=True),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="model_promoted_by_another",
            ),
        ),
        migrations.AddField(
            model_name="shadowmodelfigures",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="shadow_figures", to="scoring.modelversion"
            ),
        ),
        migrations.AddField(
            model_name="shadowscore",
            name="decision",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="scoring.decision"
            ),
        ),
        migrations.AddField(
            model_name="shadowscore",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="shadow_scores", to="scoring.modelversion"
            ),
        ),
        migrations.AddConstraint(
            model_name="shadowmodelfigures",
            constraint=models.UniqueConstraint(
                fields=("model", "day", "currency", "outcome", "shadow_outcome"), name="shadow_model_figures_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="shadowscore",
            constraint=models.UniqueConstraint(fields=("model", "decision"), name="shadow_score_once"),
        ),
        migrations.RunSQL(_FREEZE, _THAW),
    ]
