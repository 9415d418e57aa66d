"""Labels stay as they were said: a correction is another statement. They are found by when they became known."""

from django.conf import settings
from django.db import migrations, models

_KEEP = """
CREATE FUNCTION scoring_label_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The features count a fraud once: the one thing that is written down later.
  IF TG_OP = 'UPDATE' AND OLD.applied_at IS NULL AND NEW.applied_at IS NOT NULL
    AND to_jsonb(OLD) - 'applied_at' = to_jsonb(NEW) - 'applied_at'
  THEN RETURN NEW;
  END IF;
  RAISE EXCEPTION 'label % stays as it was said: correct or withdraw it by another statement', OLD.id
    USING ERRCODE = '23514';
END $$;
CREATE TRIGGER label_stays BEFORE UPDATE OR DELETE ON scoring_label FOR EACH ROW
  EXECUTE FUNCTION scoring_label_stays();
"""
_FORGET = """
DROP TRIGGER label_stays ON scoring_label;
DROP FUNCTION scoring_label_stays();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("scoring", "0018_model_registry"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(model_name="label", index=models.Index(fields=["known_at"], name="label_by_known")),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.CheckConstraint(
                condition=models.Q(asserted_at=None) | models.Q(asserted_at__lte=models.F("known_at")),
                name="label_said_before_known",
            ),
        ),
        migrations.RunSQL(_KEEP, _FORGET),
    ]
