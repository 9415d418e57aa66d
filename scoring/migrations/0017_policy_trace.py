"""The trace of policy versions stays as it is, versions name the one they go on from, rescorings the rules that failed."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

_KEEP = """
CREATE FUNCTION scoring_policy_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was done with a policy stays on record' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER policy_event_stays BEFORE UPDATE OR DELETE ON scoring_policyevent FOR EACH ROW
  EXECUTE FUNCTION scoring_policy_event_stays();

-- Who wrote, proposed and published it, and where it can go from where it is, as much as what it says.
CREATE FUNCTION scoring_policy_life_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.note, OLD.revision, OLD.based_on_id, OLD.continues_id, OLD.created_by_id, OLD.created_at)
    IS DISTINCT FROM (NEW.note, NEW.revision, NEW.based_on_id, NEW.continues_id, NEW.created_by_id, NEW.created_at)
    OR (OLD.proposed_at IS NOT NULL
      AND (OLD.proposed_by_id, OLD.proposed_at) IS DISTINCT FROM (NEW.proposed_by_id, NEW.proposed_at))
    OR (OLD.published_at IS NOT NULL
      AND (OLD.published_by_id, OLD.published_at) IS DISTINCT FROM (NEW.published_by_id, NEW.published_at))
  THEN RAISE EXCEPTION 'who wrote, proposed and published policy % stays', OLD.version USING ERRCODE = '23514';
  END IF;
  IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
    ('shadow', 'proposed'), ('shadow', 'discarded'), ('proposed', 'live'), ('proposed', 'discarded'),
    ('live', 'retired'), ('retired', 'live'))
  THEN RAISE EXCEPTION 'policy % cannot become % from %', OLD.version, NEW.status, OLD.status USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER policy_life_is_kept BEFORE UPDATE ON scoring_policy FOR EACH ROW
  WHEN (OLD.status <> 'draft') EXECUTE FUNCTION scoring_policy_life_is_kept();

-- A process of the release before publishes by adding a version, without a second person: it knows no status.
CREATE FUNCTION scoring_policy_begins_as_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a policy begins as a draft: restart this process, it is of an older release' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER policy_begins_as_draft BEFORE INSERT ON scoring_policy FOR EACH ROW
  WHEN (NEW.status NOT IN ('draft', 'live')) EXECUTE FUNCTION scoring_policy_begins_as_draft();
"""
_FORGET = """
DROP TRIGGER policy_begins_as_draft ON scoring_policy;
DROP FUNCTION scoring_policy_begins_as_draft();
DROP TRIGGER policy_life_is_kept ON scoring_policy;
DROP FUNCTION scoring_policy_life_is_kept();
DROP TRIGGER policy_event_stays ON scoring_policyevent;
DROP FUNCTION scoring_policy_event_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("scoring", "0016_backtest_attempts")]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="continues",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="scoring.policy",
            ),
        ),
        migrations.AddField(
            model_name="rescoring",
            name="rule_failures",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64), db_default=[], default=list, size=None
            ),
        ),
        migrations.RunSQL(_KEEP, _FORGET),
    ]
