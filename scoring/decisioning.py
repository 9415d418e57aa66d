"""The engine: features, scores, rule and list hits become decisions. Pure; one transaction is a batch of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.ml.explanations import Reason, explain, fill_words
from scoring.rules.evaluation import CompiledRule, hits_of
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

APPROVE, REVIEW, DECLINE = "approve", "review", "decline"
_NAMES = (APPROVE, REVIEW, DECLINE)
SEVERITY = {name: severity for severity, name in enumerate(_NAMES)}


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


class Decided(msgspec.Struct, frozen=True, gc=False):
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
    outcomes = [_NAMES[severity] for severity in _severities(policy, scores, hits, listed).tolist()]
    reasons = _reasons(transactions, vectors, outcomes, model, policy, hits, listed)
    codes = _codes(policy, hits, listed)
    values: list[float] | list[None] = [None] * len(transactions) if scores is None else scores.tolist()
    return [
        Decided(outcome=outcomes[i], score=values[i], reasons=reasons.get(i, []), rule_hits=codes.get(i, []))
        for i in range(len(transactions))
    ]


def _severities(
    policy: PolicyInForce,
    scores: NDArray[np.float64] | None,
    hits: NDArray[np.bool_],
    listed: Mapping[int, Sequence[ListHit]],
) -> NDArray[np.int64]:
    """The severest of what score, rules and lists ask for, int64 (payments,)."""
    asked = np.zeros(len(hits), np.int64)
    if scores is not None:
        asked += (scores >= policy.review_threshold) * SEVERITY[REVIEW]
        asked[scores >= policy.decline_threshold] = SEVERITY[DECLINE]
    if policy.rules:
        asked = np.maximum(asked, (hits * [SEVERITY[rule.outcome] for rule in policy.rules]).max(axis=1))
    for row, entries in listed.items():
        names = {entry.list for entry in entries}
        if "block" in names:
            asked[row] = SEVERITY[DECLINE]
        elif "allow" in names:
            asked[row] = SEVERITY[APPROVE]
    return asked


def _codes(
    policy: PolicyInForce, hits: NDArray[np.bool_], listed: Mapping[int, Sequence[ListHit]]
) -> dict[int, list[str]]:
    """Row -> codes of the lists and rules that it meets, where it meets any."""
    codes = {row: [f"{entry.list}_list:{entry.entity}" for entry in entries] for row, entries in listed.items()}
    for row, rule in np.argwhere(hits).tolist():
        codes.setdefault(row, []).append(policy.rules[rule].code)
    return codes


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
        Reason(code=f"{entry.list}_list", words=f"The {entry.entity} is on the {entry.list} list: {entry.reason}")
        for entry in listed
    ]
