"""What is asked of embeddings and of what is confirmed, as SQL that other questions have within them."""

from datetime import UTC, datetime

from scoring.ml.anomaly import Floats

# After whatever was known.
EVER = datetime(9999, 1, 1, tzinfo=UTC)
_STANDING_LABEL = """
SELECT said.label FROM (
  SELECT DISTINCT ON (source) label, known_at, id FROM scoring_label
  WHERE decision_id = {decision} AND known_at < %(before)s ORDER BY source, known_at DESC, id DESC
) AS said WHERE said.label <> 'withdrawn' ORDER BY said.known_at DESC, said.id DESC LIMIT 1
"""


def standing_label(decision: str) -> str:
    """SQL for the newest word on a payment that its source has not taken back, known before %(before)s.

    decision: the expression for its id; nothing that anybody typed.
    """
    return _STANDING_LABEL.format(decision=decision)


def vector_text(embedding: Floats) -> str:
    """An embedding, (8,), as PostgreSQL reads a vector."""
    return f"[{','.join(repr(float(number)) for number in embedding)}]"
