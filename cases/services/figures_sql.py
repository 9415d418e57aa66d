"""Pieces of SQL that several counts of payments share; `decision` is the payment."""

from scoring.queries_labels import believed

# As it is believed now; `newly_settled` says what changes while nobody writes.
LABEL = f"LEFT JOIN LATERAL ({believed('label.decision_id = decision.id')}) AS believed ON true"
# Whether the last verdict that took effect let a held payment go which is fraud after all: of few payments it is asked.
IS_RELEASED = """
CASE WHEN outcome = 'review' AND believed.label = 'fraud' THEN coalesce((
  SELECT said.label = 'legitimate' FROM cases_verdictpayment AS said
  JOIN cases_verdict AS verdict ON verdict.id = said.verdict_id
  WHERE said.decision_id = decision.id AND said.label <> '' AND verdict.state = 'done'
  ORDER BY verdict.settled_at DESC, verdict.id DESC LIMIT 1
), false) ELSE false END
"""
