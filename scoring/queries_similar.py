"""What is asked of embeddings and of what is confirmed, as SQL that other questions have within them."""

from scoring.ml.anomaly import Floats
from scoring.queries_labels import EVER, believed_of

__all__ = ["EVER", "standing_label", "vector_text"]


def standing_label(decision: str) -> str:
    """SQL for the label believed of a payment by what was known before %(before)s.

    decision: the expression for its id; nothing that anybody typed.
    """
    believed = believed_of(decision, "%(before)s::timestamptz - interval '1 microsecond'")
    return f"SELECT standing.label FROM (SELECT {believed} AS label) AS standing WHERE standing.label IS NOT NULL"  # noqa: S608 - expressions of our own


def vector_text(embedding: Floats) -> str:
    """An embedding, (8,), as PostgreSQL reads a vector."""
    return f"[{','.join(repr(float(number)) for number in embedding)}]"
