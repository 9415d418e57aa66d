"""The fields of a batch as arrays, the way rules read them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import INDEX
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Listed = Mapping[int, Sequence[ListHit]]

_NOTHING_LISTED: Listed = MappingProxyType({})


class Columns:
    """Float64 (payments,) a field, NaN where it is missing, each made when a rule first reads it.

    A text is a number that stands for it in this batch, the same in every column: numbers and texts compare alike.
    `listed`: row -> the entries of lists that its payment meets.
    """

    def __init__(
        self,
        transactions: Sequence[Transaction],
        vectors: NDArray[np.float32],
        scores: NDArray[np.float64] | None,
        listed: Listed = _NOTHING_LISTED,
    ) -> None:
        self._transactions, self._vectors, self._scores = transactions, vectors, scores
        self.listed = listed
        self._made: dict[str, Floats] = {}
        self._codes: dict[str | None, float] = {None: np.nan}
        self._tested: dict[Hashable, Bools] = {}

    def read(self, name: str) -> Floats:
        """One field."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = self._make(name)
        return found

    def codes_of(self, texts: Sequence[str]) -> Floats:
        """What stands for these texts, (texts,)."""
        return np.array([self._codes.setdefault(text, len(self._codes)) for text in texts], np.float64)

    def test(self, key: Hashable, test: Callable[["Columns"], Bools]) -> Bools:
        """What the test says, made once for all that give this key."""
        found = self._tested.get(key)
        if found is None:
            found = self._tested[key] = test(self)
        return found

    def _make(self, name: str) -> Floats:
        if name == "score":
            return np.full(len(self._transactions), np.nan) if self._scores is None else self._scores
        if name == "amount":
            # Exact: in a float32 vector 499.99 lies a little beside the 499.99 a rule names.
            return np.array([float(transaction.amount) for transaction in self._transactions], np.float64)
        if name in INDEX:
            return self._vectors[:, INDEX[name]].astype(np.float64)
        values = list(map(attrgetter(name), self._transactions))
        for value in dict.fromkeys(values):
            self._codes.setdefault(value, len(self._codes))
        return np.fromiter(map(self._codes.__getitem__, values), np.float64, len(values))
