"""Which rules hit which payments of a batch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scoring.rules.columns import Bools, Columns
from scoring.rules.language import Condition
from scoring.rules.lists import SNOOZE, ListHit
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompiledRule:
    """A rule of the policy, ready to run. `outcome` is empty where it gives points only."""

    code: str
    condition: Condition
    outcome: str
    words: str
    reason_code: str = ""
    points: int = 0
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """What rules said, bool (payments, rules): where they hit, and where they could not be computed."""

    hits: NDArray[np.bool_]
    failed: NDArray[np.bool_]


class Batch:
    """Payments with all that rules read of them.

    vectors: float32 (payments, features), NaN where missing. scores: float64 (payments,) or None without a model.
    listed: row -> entries of lists that it meets. at: when each was or is decided.
    """

    def __init__(
        self,
        transactions: Sequence[Transaction],
        vectors: NDArray[np.float32],
        scores: NDArray[np.float64] | None,
        *,
        listed: Mapping[int, Sequence[ListHit]],
        at: Sequence[datetime],
    ) -> None:
        self.transactions, self.vectors, self.scores = transactions, vectors, scores
        self.listed, self.at = listed, at
        self.columns = Columns(transactions, vectors, scores, listed)

    def __len__(self) -> int:
        return len(self.transactions)

    def part(self, start: int, end: int) -> "Batch":
        """The payments from `start` to before `end`."""
        listed = {row - start: hits for row, hits in self.listed.items() if start <= row < end}
        scores = None if self.scores is None else self.scores[start:end]
        part = slice(start, end)
        return Batch(self.transactions[part], self.vectors[part], scores, listed=listed, at=self.at[part])


def ask_rules(rules: Sequence[CompiledRule], batch: Batch) -> Asked:
    """Ask each rule of each payment. A missing value (NaN, no field, no model) hits nothing.

    A rule that has expired hits nothing; one that is snoozed for a payment's card, merchant ... does not hit it. One
    that cannot be computed is failed for the payments it fails on, and computed for the others.
    """
    # A rule's payments lie side by side: each is written at once, and most are read by rule.
    asked = Asked(np.zeros((len(rules), len(batch)), bool).T, np.zeros((len(rules), len(batch)), bool).T)
    # What has no finite result is missing, and missing is no fault.
    with np.errstate(all="ignore"):
        for number, rule in enumerate(rules):
            _ask(rule, batch, asked.hits[:, number], asked.failed[:, number])
            if rule.expires_at is not None:
                is_over = [at >= rule.expires_at for at in batch.at]
                asked.hits[is_over, number] = asked.failed[is_over, number] = False
    _snooze(rules, batch.listed, asked)
    return asked


def _ask(rule: CompiledRule, batch: Batch, hits: Bools, failed: Bools) -> None:
    """Note where the rule hits and where it fails."""
    errors: list[tuple[str, Exception]] = []
    _ask_part(rule, batch, hits, failed, errors)
    if errors:
        # One line a batch: a rule that fails for all payments must not drown the log, nor take its time.
        name, error = errors[0]
        words = "rule %s could not be computed for %s of %s payments, %s the first"
        logger.error(words, rule.code, len(errors), len(batch), name, exc_info=error)


def _ask_part(
    rule: CompiledRule, batch: Batch, hits: Bools, failed: Bools, errors: list[tuple[str, Exception]]
) -> None:
    """The payments it fails on are found by halving."""
    try:
        hits[:] = rule.condition.holds(batch.columns)
    except Exception as error:
        if len(batch) == 1:
            failed[:] = True
            errors.append((batch.transactions[0].transaction_id, error))
            return
        middle = len(batch) // 2
        for start, end in ((0, middle), (middle, len(batch))):
            _ask_part(rule, batch.part(start, end), hits[start:end], failed[start:end], errors)


def _snooze(rules: Sequence[CompiledRule], listed: Mapping[int, Sequence[ListHit]], asked: Asked) -> None:
    numbers = {f"{SNOOZE}{rule.code}": number for number, rule in enumerate(rules)}
    for row, entries in listed.items():
        for entry in entries:
            number = numbers.get(entry.list)
            if number is not None:
                asked.hits[row, number] = asked.failed[row, number] = False
