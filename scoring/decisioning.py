"""The engine: features, scores, rule and list hits become decisions. Pure; one transaction is a batch of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.ml.explanations import Reason, explain, fill_words
from scoring.rules.evaluation import CompiledRule, hits_of
from scoring.transaction import Transaction

APPROVE, REVIEW, DECLINE = "approve", "review", "decline"
SEVERITY = {APPROVE: 0, REVIEW: 1, DECLINE: 2}


class Scorer(Protocol):
    """What the engine needs of a model."""

    @property
    def version(self) -> str: ...

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability of fraud for each row."""

    def contributions(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds each feature adds, (n, features + 1), the last column the base."""


@dataclass(frozen=True)
class PolicyInForce:
    """The live version: thresholds on the score, 0-1, and compiled rules."""

    version: int
    review_threshold: float
    decline_threshold: float
    rules: tuple[CompiledRule, ...]


class ListHit(msgspec.Struct, frozen=True):
    """An entry of a block or allow list that a payment meets."""

    kind: str
    entity: str
    value: str
    reason: str


class Decided(msgspec.Struct, frozen=True):
    """What the engine says of one payment."""

    outcome: str
    score: float | None
    reasons: list[Reason]
    rule_hits: list[str]


def decide(
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    *,
    model: Scorer | None,
    policy: PolicyInForce,
    listed: Mapping[int, Sequence[ListHit]],
) -> list[Decided]:
    """Decide a batch.

    vectors: float32 (n, features), NaN where missing. `listed`: row -> list entries it meets.
    The outcome is the severest of score, rules and block list. An allow entry silences score and rules, not a block.
    Reasons are given for what is flagged only: explaining costs more than deciding.
    """
    scores = model.score(vectors) if model is not None else None
    hits = hits_of(policy.rules, transactions, vectors, scores)
    outcomes = [
        _outcome(policy, None if scores is None else float(scores[i]), hits[i], listed.get(i, ()))
        for i in range(len(transactions))
    ]
    reasons = _reasons(transactions, vectors, outcomes, model, policy, hits, listed)
    return [
        Decided(
            outcome=outcomes[i],
            score=None if scores is None else float(scores[i]),
            reasons=reasons.get(i, []),
            rule_hits=_codes(policy, hits[i], listed.get(i, ())),
        )
        for i in range(len(transactions))
    ]


def _outcome(policy: PolicyInForce, score: float | None, hits: NDArray[np.bool_], listed: Sequence[ListHit]) -> str:
    kinds = {entry.kind for entry in listed}
    if "block" in kinds:
        return DECLINE
    if "allow" in kinds:
        return APPROVE
    asked = [rule.outcome for rule, hit in zip(policy.rules, hits, strict=True) if hit]
    if score is not None and score >= policy.review_threshold:
        asked.append(DECLINE if score >= policy.decline_threshold else REVIEW)
    return max(asked, key=SEVERITY.__getitem__, default=APPROVE)


def _codes(policy: PolicyInForce, hits: NDArray[np.bool_], listed: Sequence[ListHit]) -> list[str]:
    lists = [f"{entry.kind}_list:{entry.entity}" for entry in listed]
    return lists + [rule.code for rule, hit in zip(policy.rules, hits, strict=True) if hit]


def _reasons(
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    outcomes: Sequence[str],
    model: Scorer | None,
    policy: PolicyInForce,
    hits: NDArray[np.bool_],
    listed: Mapping[int, Sequence[ListHit]],
) -> dict[int, list[Reason]]:
    flagged = [i for i, outcome in enumerate(outcomes) if outcome != APPROVE]
    if not flagged:
        return {}
    contributions = model.contributions(vectors[flagged]) if model is not None else None
    reasons: dict[int, list[Reason]] = {}
    for row, i in enumerate(flagged):
        currency = transactions[i].currency
        reasons[i] = _list_reasons(listed.get(i, ())) + [
            Reason(code=rule.code, words=fill_words(rule.words, vectors[i], currency=currency))
            for rule, hit in zip(policy.rules, hits[i], strict=True)
            if hit
        ]
        if contributions is not None:
            reasons[i] += explain(contributions[row], vectors[i], currency=currency)
    return reasons


def _list_reasons(listed: Sequence[ListHit]) -> list[Reason]:
    return [
        Reason(code=f"{entry.kind}_list", words=f"The {entry.entity} is on the {entry.kind} list: {entry.reason}")
        for entry in listed
    ]
