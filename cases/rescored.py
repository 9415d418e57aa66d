"""Payments decided without a part, or drawn for the audit, as the desk sees them. Saves nothing."""

from copy import copy

from cases import audit, money, words
from scoring.models import Decision, Outcome, Rescoring

FLAGGED = (Outcome.REVIEW, Outcome.DECLINE)
_PARTS = {"features": "the card's history", "model": "the model"}
_FOUND = (
    "score", "anomaly_score", "reasons", "rule_hits", "features", "feature_version", "model_version",
    "policy_version",
)  # fmt: skip


def rescoring_of(decision: Decision) -> Rescoring | None:
    """What scoring it again found. Read with the decision by `select_related("rescoring")`."""
    return getattr(decision, "rescoring", None)


def found_in(decision: Decision) -> Rescoring | None:
    """The rescoring for which a payment is looked at that had been let through."""
    found = rescoring_of(decision)
    return found if found is not None and decision.outcome == Outcome.APPROVE and found.outcome in FLAGGED else None


def as_found(decision: Decision) -> Decision:
    """The same row; where it had been let through and is flagged now, with the score, reasons and vector of that.

    One drawn at random says so as its first reason. Its `outcome` stays what was answered, and all that was answered is
    in `answered`.
    """
    decision.answered = copy(decision)  # type: ignore[attr-defined]
    found = found_in(decision)
    if is_audit(decision):
        # Nothing else brought it here.
        decision.reasons = [{"code": audit.REASON_CODE, "words": audit.REASON_WORDS}, *decision.reasons]
    if found is None:
        return decision
    for name in _FOUND:
        if name not in found.get_deferred_fields():
            setattr(decision, name, getattr(found, name))
    decision.reasons = [*found.reasons, {"code": "let_through", "words": _let_through(decision)}]
    return decision


def is_audit(decision: Decision) -> bool:
    """Say whether chance alone brought it to the desk."""
    return decision.outcome == Outcome.APPROVE and found_in(decision) is None and audit.draw_of(decision) is not None


def flagged_as(decision: Decision) -> str:
    """The outcome for which the desk has it. What was let through is to be reviewed: nobody can decline it any more."""
    return decision.outcome if found_in(decision) is None else Outcome.REVIEW.value


def event_words(decision: Decision) -> str:
    """What the case's history says of a payment that opened or joined it."""
    amount = f"{money.shown(decision.amount, decision.currency)} {decision.currency}"
    where = decision.merchant_name or decision.merchant_id
    found = found_in(decision)
    if is_audit(decision):
        return f"Drawn at random: {amount} at {where}"
    if found is None:
        return f"{words.OUTCOMES[decision.outcome]}: {amount} at {where}"
    return f"{_let_through(decision)}, scored again as {found.outcome}: {amount} at {where}"


def _let_through(decision: Decision) -> str:
    away = " and ".join(_PARTS.get(part, part) for part in decision.degraded)
    return f"Let through while {away} could not be asked"
