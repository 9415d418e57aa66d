"""Recorded payments judged by two policies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scoring.decisioning import Judged, PolicyInForce, Scorer, judge
from scoring.rules.evaluation import Batch
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# What is known of a payment: labelled, or unlabelled and old enough to count as legitimate, or neither.
FRAUD, LEGITIMATE, TAKEN, UNKNOWN = range(4)
KINDS = ("fraud", "legitimate", "taken", "unknown")
# Amounts are counted in ten-thousandths, as exact as they are recorded.
UNITS = 10_000
# Below it what a float loses, here and when it is multiplied, is less than half a unit. The largest amounts are beyond.
_EXACT_UNITS = 2.0**50


@dataclass(frozen=True)
class Chunk:
    """Some recorded payments, one row each.

    ids: of their decisions. vectors: float32 (payments, features). scores, anomalies: float64, NaN without one.
    listed: row -> entries of lists that it met when it was decided, `at`. days: since 1970, UTC, of when it occurred.
    kinds: FRAUD to UNKNOWN. recorded: severities of what was decided. is_mature: whether its label had time to come.
    """

    ids: Ints
    transactions: Sequence[Transaction]
    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    anomalies: NDArray[np.float64]
    listed: Mapping[int, Sequence[ListHit]]
    at: Sequence[datetime]
    days: Ints
    kinds: Ints
    recorded: Ints
    is_mature: Bools

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Side:
    """What one of the policies said of a chunk."""

    policy: PolicyInForce
    batch: Batch
    judged: Judged

    @cached_property
    def by_score(self) -> Ints:
        """Severities that the score alone asks for."""
        return judge(self._without_lists, replace(self.policy, rules=())).severities

    @cached_property
    def _without_lists(self) -> Batch:
        batch = self.batch
        return Batch(batch.transactions, batch.vectors, batch.scores, listed={}, at=batch.at, anomalies=batch.anomalies)

    @cached_property
    def without_rules(self) -> Ints:
        """Severities that score and lists ask for."""
        return judge(self.batch, replace(self.policy, rules=())).severities


@dataclass(frozen=True)
class Looked:
    """A chunk and what both policies said of it."""

    chunk: Chunk
    draft: Side
    baseline: Side

    @cached_property
    def units(self) -> Ints:
        """Amounts in ten-thousandths."""
        units = np.rint(self.draft.batch.columns.read("amount") * UNITS)
        if not len(units) or units.max() < _EXACT_UNITS:
            return units.astype(np.int64)
        transactions = self.chunk.transactions
        return np.fromiter((int(one.amount * UNITS) for one in transactions), np.int64, len(transactions))


@dataclass(frozen=True)
class Trial:
    """A draft beside a baseline. With a model the draft has its scores, else the recorded ones as the baseline has."""

    draft: PolicyInForce
    baseline: PolicyInForce
    model: Scorer | None = None

    def look(self, chunk: Chunk) -> Looked:
        """Judge a chunk by both."""
        recorded = self._batch(chunk, None)
        # With the same scores one batch serves both: what rules have in common is asked once.
        tried = recorded if self.model is None else self._batch(chunk, self.model)
        return Looked(
            chunk,
            draft=Side(self.draft, tried, judge(tried, self.draft)),
            baseline=Side(self.baseline, recorded, judge(recorded, self.baseline)),
        )

    def _batch(self, chunk: Chunk, model: Scorer | None) -> Batch:
        """With what the model says, or else with what is recorded."""
        scores = chunk.scores if model is None else model.score(chunk.vectors)
        anomalies = chunk.anomalies if model is None else model.anomalies(chunk.vectors)
        return Batch(chunk.transactions, chunk.vectors, scores, listed=chunk.listed, at=chunk.at, anomalies=anomalies)
