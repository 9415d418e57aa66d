"""What a client of the live feed asks for and what it is sent."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.urls import reverse

from cases import money, words
from cases.models import FeedEntry
from cases.rescored import flagged_as
from scoring.models import Outcome

_OUTCOMES = frozenset({Outcome.REVIEW.value, Outcome.DECLINE.value})


class InvalidRequestError(Exception):
    """The client's message is not a request; the text says what is wrong with it."""


@dataclass(frozen=True)
class FeedRequest:
    """Start after this entry (None: from now on); only these outcomes, and stakes from `min_stake` on."""

    after: int | None = None
    outcomes: frozenset[str] = _OUTCOMES
    min_stake: Decimal = Decimal(0)


def parse(message: Any) -> FeedRequest:
    """Read `{"after": N, "filter": {"outcome": [...], "min_stake": N}}`; every part may be left out.

    Raises:
        InvalidRequestError: with the part that is wrong named.
    """
    if not isinstance(message, dict) or not message.keys() <= {"after", "filter"}:
        raise InvalidRequestError('expected {"after": N, "filter": {...}}')
    after = message.get("after")
    if after is not None and (not isinstance(after, int) or isinstance(after, bool) or not 0 <= after < 2**63):
        raise InvalidRequestError("after: a whole number from 0 on")
    chosen = message.get("filter") or {}
    if not isinstance(chosen, dict) or not chosen.keys() <= {"outcome", "min_stake"}:
        raise InvalidRequestError("filter: an object with outcome and min_stake")
    return FeedRequest(
        after,
        _parse_outcomes(chosen.get("outcome", list(_OUTCOMES))),
        _parse_stake(chosen.get("min_stake", 0)),
    )


def _parse_outcomes(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item in _OUTCOMES for item in value):
        raise InvalidRequestError("filter.outcome: a list of review, decline")
    return frozenset(value)


def _parse_stake(value: Any) -> Decimal:
    try:
        stake = Decimal(str(value))
    except InvalidOperation as error:
        raise InvalidRequestError("filter.min_stake: a number") from error
    if not stake.is_finite() or stake < 0:
        raise InvalidRequestError("filter.min_stake: a number from 0 on")
    return stake


def matches(entry: FeedEntry, request: FeedRequest) -> bool:
    decision = entry.decision
    stake = money.stake_of(decision.amount, decision.score)
    return flagged_as(decision) in request.outcomes and stake >= request.min_stake


def without_score(told: dict[str, Any]) -> dict[str, Any]:
    """The same for who sees the score after the verdict."""
    return {**told, "score": None, "reason": "", "is_score_hidden": True}


def as_json(entry: FeedEntry) -> dict[str, Any]:
    """One entry as the browser gets it; money as text, the card masked."""
    decision = entry.decision
    return {
        "seq": entry.seq,
        "transaction_id": decision.transaction_id,
        "outcome": flagged_as(decision),
        "score": decision.score,
        "amount": f"{decision.amount.normalize():f}",
        "amount_shown": money.shown(decision.amount, decision.currency),
        "currency": decision.currency,
        "card": words.masked_card(decision.card_id),
        "reason": str(decision.reasons[0]["words"]) if decision.reasons else "",
        "is_score_hidden": False,
        "case_id": str(entry.case_id),
        "case_url": reverse("case_detail", args=[entry.case_id]),
        "occurred_at": decision.occurred_at.isoformat(),
        "decided_at": decision.decided_at.isoformat(),
    }
