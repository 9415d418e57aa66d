"""The engine: features, scores, rule and list hits become decisions. Pure; one transaction is a batch of one."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.ml.explanations import Reason, explain, fill_words
from scoring.rules.evaluation import Batch, CompiledRule, ask_rules
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

APPROVE, REVIEW, DECLINE = "approve", "review", "decline"
_NAMES = (APPROVE, REVIEW, DECLINE)
SEVERITY = {name: severity for severity, name in enumerate(_NAMES)}

# With more of them nobody reads on, and words for a thousand would take longer than all else of a decision. Their codes
# all stand with it.
MOST_RULES_TOLD = 20


class Scorer(Protocol):
    """What the engine needs of a model."""

    @property
    def version(self) -> str: ...

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability of fraud for each row."""

    def anomalies(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Anomaly score of each row, 0-1; NaN where it has none."""

    def contributions(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds each feature adds, (n, features + 1), the last column the base."""


@dataclass(frozen=True)
class Band:
    """Thresholds for payments of a currency from an amount on, up to the next band's."""

    currency: str
    from_amount: Decimal
    review_threshold: float
    decline_threshold: float


@dataclass(frozen=True)
class PolicyInForce:
    """A version: thresholds on the score, 0-1, and on the sum of points; compiled rules; what lists do, by name.

    bands: those of a currency in the order of their amounts.
    """

    version: int
    review_threshold: float
    decline_threshold: float
    rules: tuple[CompiledRule, ...]
    review_points: int = 100
    decline_points: int = 200
    lists: Mapping[str, str] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()

    @cached_property
    def severities_of_rules(self) -> NDArray[np.int64]:
        return np.array([SEVERITY[rule.outcome or APPROVE] for rule in self.rules], np.int64)

    @cached_property
    def points_of_rules(self) -> NDArray[np.int64] | None:
        """None where no rule gives any."""
        points = np.array([rule.points for rule in self.rules], np.int64)
        return points if points.any() else None


@dataclass(frozen=True)
class Judged:
    """What a policy asks for. severities: int64 (payments,). hits, failed: bool (payments, rules). points: int64."""

    severities: NDArray[np.int64]
    hits: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    points: NDArray[np.int64] | None

    @property
    def outcomes(self) -> list[str]:
        return [_NAMES[severity] for severity in self.severities.tolist()]


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What the engine says of one payment."""

    outcome: str
    score: float | None
    reasons: list[Reason]
    rule_hits: list[str]
    rule_failures: list[str]
    anomaly_score: float | None = None


def decide(
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    *,
    model: Scorer | None,
    policy: PolicyInForce,
    listed: Mapping[int, Sequence[ListHit]],
    at: Sequence[datetime],
) -> list[Decided]:
    """Decide a batch.

    vectors: float32 (n, features), NaN where missing. `listed`: row -> list entries it meets. `at`: when each is
    decided, for rules that expire. Reasons are given for what is flagged only: explaining costs more than deciding.
    """
    scores = model.score(vectors) if model is not None else None
    anomalies = model.anomalies(vectors) if model is not None else None
    judged = judge(Batch(transactions, vectors, scores, anomalies=anomalies, listed=listed, at=at), policy)
    outcomes = judged.outcomes
    reasons = _reasons(transactions, vectors, outcomes, model, policy, judged, listed)
    codes, failures = codes_met(policy, judged.hits, listed), _failures(policy, judged.failed)
    values: list[float] | list[None] = [None] * len(transactions) if scores is None else scores.tolist()
    strange = [None] * len(transactions) if anomalies is None else _numbers_or_none(anomalies)
    return [
        Decided(
            outcome=outcomes[i],
            score=values[i],
            reasons=reasons.get(i, []),
            rule_hits=codes.get(i, []),
            rule_failures=failures.get(i, []),
            anomaly_score=strange[i],
        )
        for i in range(len(transactions))
    ]


def _numbers_or_none(numbers: NDArray[np.float64]) -> list[float | None]:
    """The same as a list, None for NaN."""
    return [None if number != number else number for number in numbers.tolist()]


def judge(batch: Batch, policy: PolicyInForce) -> Judged:
    """What a policy asks for; the one evaluation, of payments that come and of recorded ones.

    The severest of score, rules, their points and lists. A rule that could not be computed asks for review. A list that
    approves silences all but a list that declines.
    """
    asked = ask_rules(policy.rules, batch)
    severities = _by_score(policy, batch)
    points = None
    if policy.rules:
        np.maximum(severities, (asked.hits * policy.severities_of_rules).max(axis=1), out=severities)
        severities[asked.failed.any(axis=1) & (severities < SEVERITY[REVIEW])] = SEVERITY[REVIEW]
        if policy.points_of_rules is not None:
            points = asked.hits @ policy.points_of_rules
            np.maximum(severities, (points >= policy.review_points) * SEVERITY[REVIEW], out=severities)
            severities[points >= policy.decline_points] = SEVERITY[DECLINE]
    for row, entries in batch.listed.items():
        severities[row] = _by_lists(severities[row], {policy.lists.get(entry.list) for entry in entries})
    return Judged(severities, asked.hits, asked.failed, points)


def _by_score(policy: PolicyInForce, batch: Batch) -> NDArray[np.int64]:
    severities = np.zeros(len(batch), np.int64)
    if batch.scores is None:
        return severities
    review: float | NDArray[np.float64] = policy.review_threshold
    decline: float | NDArray[np.float64] = policy.decline_threshold
    if policy.bands:
        review, decline = _thresholds(policy, batch.transactions)
    # A payment without a score (NaN) is beyond no threshold.
    severities += (batch.scores >= review) * SEVERITY[REVIEW]
    severities[batch.scores >= decline] = SEVERITY[DECLINE]
    return severities


def _thresholds(
    policy: PolicyInForce, transactions: Sequence[Transaction]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Those of review and decline for each payment, by its band."""
    review = np.full(len(transactions), policy.review_threshold)
    decline = np.full(len(transactions), policy.decline_threshold)
    currencies = {band.currency for band in policy.bands}
    for row, transaction in enumerate(transactions):
        if transaction.currency in currencies:
            for band in policy.bands:
                if band.currency == transaction.currency and band.from_amount <= transaction.amount:
                    review[row], decline[row] = band.review_threshold, band.decline_threshold
    return review, decline


def _by_lists(severity: int, effects: Set[str | None]) -> int:
    if DECLINE in effects:
        return SEVERITY[DECLINE]
    if APPROVE in effects:
        return SEVERITY[APPROVE]
    return max(severity, SEVERITY[REVIEW]) if REVIEW in effects else severity


def codes_met(
    policy: PolicyInForce, hits: NDArray[np.bool_], listed: Mapping[int, Sequence[ListHit]]
) -> dict[int, list[str]]:
    """Row -> codes of the rules and of the lists with an effect that it meets, where it meets any."""
    codes: dict[int, list[str]] = {}
    for row, entries in listed.items():
        if met := [f"{entry.list}_list:{entry.entity}" for entry in entries if entry.list in policy.lists]:
            codes[row] = list(dict.fromkeys(met))
    for row, rule in _pairs(hits):
        codes.setdefault(row, []).append(policy.rules[rule].code)
    return codes


def _pairs(found: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Row and rule of each, row by row. A list of lists takes ten times as long where many rules hit."""
    rows, rules = found.nonzero()
    return zip(rows.tolist(), rules.tolist(), strict=True)


def _failures(policy: PolicyInForce, failed: NDArray[np.bool_]) -> dict[int, list[str]]:
    codes: dict[int, list[str]] = {}
    for row, rule in _pairs(failed):
        codes.setdefault(row, []).append(policy.rules[rule].code)
    return codes


def _reasons(
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    outcomes: Sequence[str],
    model: Scorer | None,
    policy: PolicyInForce,
    judged: Judged,
    listed: Mapping[int, Sequence[ListHit]],
) -> dict[int, list[Reason]]:
    flagged = [i for i, outcome in enumerate(outcomes) if outcome != APPROVE]
    if not flagged:
        return {}
    contributions = model.contributions(vectors[flagged]) if model is not None else None
    reasons: dict[int, list[Reason]] = {}
    for row, i in enumerate(flagged):
        reasons[i] = _list_reasons(policy, listed.get(i, ()))
        reasons[i] += _rule_reasons(transactions[i], vectors[i], policy, judged, i)
        if contributions is not None:
            reasons[i] += explain(contributions[row], vectors[i], currency=transactions[i].currency)
    return reasons


def _list_reasons(policy: PolicyInForce, listed: Sequence[ListHit]) -> list[Reason]:
    return [
        Reason(
            code=f"{entry.list}_list",
            words=f"The {entry.entity.replace('_', ' ')} is on the {entry.list} list: {entry.reason}",
        )
        for entry in listed
        if entry.list in policy.lists
    ]


def _rule_reasons(
    transaction: Transaction, vector: NDArray[np.float32], policy: PolicyInForce, judged: Judged, row: int
) -> list[Reason]:
    met = np.flatnonzero(judged.hits[row] | judged.failed[row])
    told = met
    if len(met) > MOST_RULES_TOLD:
        asked = np.where(judged.failed[row], SEVERITY[REVIEW], policy.severities_of_rules)
        told = np.sort(met[np.argsort(-asked[met], kind="stable")[:MOST_RULES_TOLD]])
    reasons = [
        _rule_reason(transaction, vector, policy.rules[number], has_failed=bool(judged.failed[row, number]))
        for number in told.tolist()
    ]
    if len(told) < len(met):
        reasons.append(Reason(code="rules", words=f"Rules beside these, met or not computed: {len(met) - len(told)}"))
    if judged.points is not None and judged.points[row] >= policy.review_points:
        least = policy.decline_points if judged.points[row] >= policy.decline_points else policy.review_points
        reasons.append(
            Reason(code="points", words=f"Rules add up to {judged.points[row]} points, {least} is the limit")
        )
    return reasons


def _rule_reason(
    transaction: Transaction, vector: NDArray[np.float32], rule: CompiledRule, *, has_failed: bool
) -> Reason:
    if has_failed:
        words = f"Rule {rule.code} could not be computed for this payment: look at what it would have asked"
    else:
        words = fill_words(rule.words, vector, currency=transaction.currency, payment=transaction)
    return Reason(code=rule.reason_code or rule.code, words=words)
