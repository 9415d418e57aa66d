"""Rules asked of payments, as the engine asks them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.rules.evaluation import Batch, CompiledRule, ask_rules
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction
from tests.factories import NOON


def hits_of(
    rules: Sequence[CompiledRule],
    transactions: Sequence[Transaction],
    vectors: NDArray[np.float32],
    scores: NDArray[np.float64] | None,
    listed: Mapping[int, Sequence[ListHit]] | None = None,
) -> NDArray[np.bool_]:
    """Hits as bool (payments, rules); none of the rules fails."""
    batch = Batch(transactions, vectors, scores, listed=listed or {}, at=[NOON] * len(transactions))
    asked = ask_rules(rules, batch)
    assert not asked.failed.any()
    return asked.hits
