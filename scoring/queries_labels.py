"""Which label of a payment is believed at a time: the one reading of the ledger, as SQL."""

from scoring.models import Label

# Who is believed when sources contradict each other: money that moved, then the bank, the cardholder, us.
SOURCES_BY_WEIGHT = (
    Label.Source.CHARGEBACK,
    Label.Source.ISSUER_REPORT,
    Label.Source.CUSTOMER,
    Label.Source.ANALYST,
)
_ORDER = ", ".join(f"'{source.value}'" for source in SOURCES_BY_WEIGHT)


def believed(which: str, as_of: str = "now()") -> str:
    """SQL that selects decision_id, label, source and known_at of the label believed of each payment that has one.

    Of each source the newest statement known by `as_of` counts, and nothing where that one takes back what the source
    said; of the sources the weightiest is believed.

    which: a condition on `label`, most often its `decision_id`. as_of: SQL of a moment. Both are our own texts.
    """
    return f"""
SELECT DISTINCT ON (said.decision_id) said.decision_id, said.label, said.source, said.known_at FROM (
  SELECT DISTINCT ON (label.decision_id, label.source) label.decision_id, label.label, label.source, label.known_at
  FROM scoring_label AS label WHERE {which} AND label.known_at <= {as_of}
  ORDER BY label.decision_id, label.source, label.known_at DESC, label.id DESC
) AS said WHERE said.label <> 'withdrawn'
ORDER BY said.decision_id, array_position(ARRAY[{_ORDER}], said.source::text)
"""  # noqa: S608 - texts of our own
