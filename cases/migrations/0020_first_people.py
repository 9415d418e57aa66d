"""Names who stands behind the first verdicts of reviews that wait, where the key they were given by is known."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

# The first verdict is the one the review goes back to. Each key of a rotation counts.
NAME_FIRST_PEOPLE = """
WITH RECURSIVE handed AS (
    SELECT c.id AS check_id, c.first_analyst_id, k.created_by_id, k.rotated_from_id
    FROM cases_check c
    JOIN cases_verdict v ON v.case_id = c.case_id AND v.analyst_id = c.first_analyst_id AND v.said_at = c.as_of
    JOIN scoring_apikey k ON k.id = v.api_key_id
    WHERE c.decided_at IS NULL AND c.first_people IS NULL
    UNION ALL
    SELECT h.check_id, h.first_analyst_id, k.created_by_id, k.rotated_from_id
    FROM scoring_apikey k JOIN handed h ON k.id = h.rotated_from_id
), people AS (
    SELECT check_id, first_analyst_id AS person FROM handed
    UNION SELECT check_id, created_by_id FROM handed WHERE created_by_id IS NOT NULL
), named AS (
    SELECT check_id, array_agg(person ORDER BY person)::integer[] AS people FROM people GROUP BY check_id
)
UPDATE cases_check SET first_people = named.people FROM named WHERE cases_check.id = named.check_id
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0019_reviewer_people")]

    operations = [
        ValidateConstraint("verdict", "verdict_four_eyes_of_two_people"),
        ValidateConstraint("check", "check_four_eyes_of_two_people"),
        migrations.RunSQL(NAME_FIRST_PEOPLE, migrations.RunSQL.noop),
    ]
