"""Which rules hit which payments of a batch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scoring.rules.columns import Bools, Columns
from scoring.rules.language import Condition
from scoring.rules.lists import SNOOZE, ListHit
from scoring.transaction import Transaction

logger = logging.getLogger(__name__)

# Of parts of a batch, for each of its payments: enough for four rules that fail for all of them, and for dozens that
# fail for a few. A thousand broken rules then hold up a batch no longer than these four do.
LOOKS_PER_PAYMENT = 8


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

    vectors: float32 (payments, features), NaN where missing. scores, anomalies: float64 (payments,), NaN where
    there is none, or None without a model. listed: row -> entries of lists that it meets. at: when each was or is
    decided.
    """

    def __init__(
        self,
        transactions: Sequence[Transaction],
        vectors: NDArray[np.float32],
        scores: NDArray[np.float64] | None,
        *,
        listed: Mapping[int, Sequence[ListHit]],
        at: Sequence[datetime],
        anomalies: NDArray[np.float64] | None = None,
    ) -> None:
        self.transactions, self.vectors, self.scores, self.anomalies = transactions, vectors, scores, anomalies
        self.listed, self.at = listed, at
        self.columns = Columns(transactions, vectors, scores, listed, anomalies)

    def __len__(self) -> int:
        return len(self.transactions)

    @cached_property
    def halves(self) -> tuple["Batch", "Batch"]:
        """Its payments as two batches, the same ones for every rule that looks for those it fails on."""
        middle = len(self) // 2
        return self._part(0, middle), self._part(middle, len(self))

    def _part(self, start: int, end: int) -> "Batch":
        """The payments from `start` to before `end`."""
        listed = {row - start: hits for row, hits in self.listed.items() if start <= row < end}
        part = slice(start, end)
        scores = None if self.scores is None else self.scores[part]
        anomalies = None if self.anomalies is None else self.anomalies[part]
        return Batch(
            self.transactions[part], self.vectors[part], scores, listed=listed, at=self.at[part], anomalies=anomalies
        )


def ask_rules(rules: Sequence[CompiledRule], batch: Batch) -> Asked:
    """Ask each rule of each payment. A missing value (NaN, no field, no model) hits nothing.

    A rule that has expired hits nothing; one that is snoozed for a payment's card, merchant ... does not hit it. One
    that cannot be computed is failed for the payments it fails on, and computed for the others; where so many fail that
    telling them apart would hold up the batch, the last of them are failed for all that were not told apart by then.
    """
    # A rule's payments lie side by side: each is written at once, and most are read by rule.
    asked = Asked(np.zeros((len(rules), len(batch)), bool).T, np.zeros((len(rules), len(batch)), bool).T)
    search = _Search(LOOKS_PER_PAYMENT * len(batch))
    # What has no finite result is missing, and missing is no fault.
    with np.errstate(all="ignore"):
        for number, rule in enumerate(rules):
            search.ask(rule, batch, asked.hits[:, number], asked.failed[:, number])
            if rule.expires_at is not None:
                is_over = [at >= rule.expires_at for at in batch.at]
                asked.hits[is_over, number] = asked.failed[is_over, number] = False
    _snooze(rules, batch.listed, asked)
    return asked


class _Search:
    """Asks rules of a batch, and finds the payments that one fails on by halving.

    looks: how often parts of the batch may be asked, by all rules together.
    """

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def ask(self, rule: CompiledRule, batch: Batch, hits: Bools, failed: Bools) -> None:
        """Note where the rule hits and where it fails."""
        error = self._ask(rule, batch, hits, failed)
        if error:
            # One line a batch: a rule that fails for all payments must not drown the log, nor take its time.
            name = batch.transactions[int(failed.argmax())].transaction_id
            words = "rule %s could not be computed for %s of %s payments, %s the first"
            logger.error(words, rule.code, int(failed.sum()), len(batch), name, exc_info=error)

    def _ask(self, rule: CompiledRule, batch: Batch, hits: Bools, failed: Bools) -> Exception | None:
        """The first payment's error, where there is one."""
        try:
            hits[:] = rule.condition.holds(batch.columns)
        except Exception as error:
            if len(batch) > 1 and self._looks > 0:
                return self._ask_halves(rule, batch, hits, failed)
            hits[:], failed[:] = False, True
            return error
        return None

    def _ask_halves(self, rule: CompiledRule, batch: Batch, hits: Bools, failed: Bools) -> Exception | None:
        self._looks -= 2
        first, second = batch.halves
        middle = len(first)
        error = self._ask(rule, first, hits[:middle], failed[:middle])
        other = self._ask(rule, second, hits[middle:], failed[middle:])
        return error or other


def _snooze(rules: Sequence[CompiledRule], listed: Mapping[int, Sequence[ListHit]], asked: Asked) -> None:
    numbers = {f"{SNOOZE}{rule.code}": number for number, rule in enumerate(rules)}
    for row, entries in listed.items():
        for entry in entries:
            number = numbers.get(entry.list)
            if number is not None:
                asked.hits[row, number] = asked.failed[row, number] = False
