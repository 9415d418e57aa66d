"""Cases of before, decided and labelled at once, get their verdict's row.

By itself: with the tables' making it would hold the payments' table for as long as it copies.
"""

from django.db import migrations

BEGIN_VERDICTS = """
INSERT INTO cases_verdict
  (case_id, verdict, typology, why_wrong, note, analyst_id, said_at, effects_at, needs_approval, state, settled_at, refusal)
SELECT id, verdict, typology, '', '', decided_by_id, decided_at, decided_at, false, 'done', decided_at, ''
FROM cases_case WHERE status = 'decided' AND decided_by_id IS NOT NULL ORDER BY decided_at;
INSERT INTO cases_verdictpayment (verdict_id, decision_id, label)
SELECT verdict.id, alert.decision_id, CASE verdict.verdict WHEN 'inconclusive' THEN '' ELSE verdict.verdict END
FROM cases_verdict AS verdict JOIN cases_alert AS alert ON alert.case_id = verdict.case_id ORDER BY verdict.id
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0012_checks")]

    operations = [migrations.RunSQL(BEGIN_VERDICTS, migrations.RunSQL.noop)]
