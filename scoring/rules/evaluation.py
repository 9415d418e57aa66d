"""Which rules hit which payments of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.rules.columns import Columns
from scoring.rules.language import Condition
from scoring.transaction import Transaction


@dataclass(frozen=True)
class CompiledRule:
    """A rule of the policy, ready to run."""

    code: str
    condition: Condition
    outcome: str
    words: str


def hits_of(
    rules: Sequence[CompiledRule],
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    scores: NDArray[np.float64] | None,
) -> NDArray[np.bool_]:
    """Hits as bool (payments, rules). A missing value (NaN, no field, no model) hits nothing."""
    hits = np.zeros((len(transactions), len(rules)), bool)
    columns = Columns(transactions, vectors, scores)
    # What has no finite result is missing, and missing is no fault.
    with np.errstate(all="ignore"):
        for number, rule in enumerate(rules):
            hits[:, number] = rule.condition.holds(columns)
    return hits
