"""What decides a batch: one policy, one line-up of models and one look at the lists for all its payments."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scoring.decisioning import Decided, PolicyInForce, Scorer, decide
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction


@dataclass(frozen=True)
class BatchEngine:
    """The same from the first payment to the last. parts: each model with its rows.

    A card's payments are all one model's, and none is decided by parts of two. vectors: float32 (payments, features),
    which change where a payment sees a decline before it.
    """

    transactions: Sequence[Transaction]
    vectors: NDArray[np.float32]
    parts: Sequence[tuple[Scorer | None, Sequence[int]]]
    policy: PolicyInForce
    listed: Mapping[int, Sequence[ListHit]]
    at: datetime

    def decide(self, rows: Container[int]) -> dict[int, Decided]:
        """Decide these rows of the batch, with their vectors as they are now."""
        found: dict[int, Decided] = {}
        for model, part in self.parts:
            if chosen := [row for row in part if row in rows]:
                found.update(zip(chosen, self._decided(model, chosen), strict=True))
        return found

    def _decided(self, model: Scorer | None, rows: list[int]) -> list[Decided]:
        listed = {i: self.listed[row] for i, row in enumerate(rows) if row in self.listed} if self.listed else {}
        payments, times = [self.transactions[row] for row in rows], [self.at] * len(rows)
        return decide(payments, self.vectors[rows], model=model, policy=self.policy, listed=listed, at=times)

    def versions(self) -> list[str]:
        """Which model decides each row; empty where none does."""
        names = [""] * len(self.transactions)
        for model, part in self.parts:
            for row in part:
                names[row] = model.version if model is not None else ""
        return names
