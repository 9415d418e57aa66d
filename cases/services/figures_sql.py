"""Pieces of SQL that several counts of payments share; `decision` is the payment."""

# The newest label is believed, as on all pages of the console.
LABEL = """
LEFT JOIN LATERAL (
  SELECT label.label FROM scoring_label AS label WHERE label.decision_id = decision.id
  ORDER BY label.known_at DESC, label.id DESC LIMIT 1
) AS believed ON true
"""
# Whether the last verdict that took effect let a held payment go which is fraud after all: of few payments it is asked.
IS_RELEASED = """
CASE WHEN outcome = 'review' AND believed.label = 'fraud' THEN coalesce((
  SELECT said.label = 'legitimate' FROM cases_verdictpayment AS said
  JOIN cases_verdict AS verdict ON verdict.id = said.verdict_id
  WHERE said.decision_id = decision.id AND said.label <> '' AND verdict.state = 'done'
  ORDER BY verdict.settled_at DESC, verdict.id DESC LIMIT 1
), false) ELSE false END
"""
