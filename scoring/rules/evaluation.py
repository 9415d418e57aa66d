"""Which rules hit which payments of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring.features.definitions import INDEX
from scoring.rules.language import FIELDS, Condition
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
    if not rules:
        return np.zeros((len(transactions), 0), bool)
    fields = frozenset().union(*(rule.condition.fields for rule in rules))
    frame = pl.DataFrame([_series(name, transactions, vectors, scores) for name in sorted(fields)])
    hits = [rule.condition.expression.fill_null(value=False).alias(str(i)) for i, rule in enumerate(rules)]
    return frame.select(hits).to_numpy().astype(bool)


def _series(
    name: str,
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    scores: NDArray[np.float64] | None,
) -> pl.Series:
    if name == "score":
        if scores is None:
            return pl.Series(name, [None] * len(transactions), pl.Float64)
        return pl.Series(name, scores, nan_to_null=True)
    if name == "amount":
        # Exact: in a float32 vector 499.99 lies a little beside the 499.99 a rule names.
        return pl.Series(name, [float(transaction.amount) for transaction in transactions], pl.Float64)
    if FIELDS[name] == "number":
        return pl.Series(name, vectors[:, INDEX[name]].astype(np.float64), nan_to_null=True)
    return pl.Series(name, [getattr(transaction, name) for transaction in transactions], pl.String)
