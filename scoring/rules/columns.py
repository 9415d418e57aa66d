"""The fields of a batch as arrays, the way rules read them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import INDEX
from scoring.rules.fields import COUNTRIES, LISTED, OF_MODEL, Kind
from scoring.rules.lists import ListHit
from scoring.transaction import Transaction

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Listed = Mapping[int, Sequence[ListHit]]

_NOTHING_LISTED: Listed = MappingProxyType({})


def moment(time: datetime) -> float:
    """A time as rules compute with it: microseconds since 1970, exact up to the year 2106."""
    return float(round(time.timestamp() * 1e6))


class Columns:
    """Float64 (payments,) a field, NaN where it is missing, each made when a rule first reads it.

    A text is a number that stands for it in this batch, the same in every column: numbers and texts compare alike.
    A time is its microseconds since 1970, a truth 1 or 0. `listed`: row -> the entries of lists that its payment meets.
    """

    def __init__(
        self,
        transactions: Sequence[Transaction],
        vectors: NDArray[np.float32],
        scores: NDArray[np.float64] | None,
        listed: Listed = _NOTHING_LISTED,
        anomalies: NDArray[np.float64] | None = None,
    ) -> None:
        self._transactions, self._vectors, self._listed = transactions, vectors, listed
        self._of_model = {"score": scores, "anomaly_score": anomalies}
        self._made: dict[str, Floats] = {}
        self._codes: dict[str | None, float] = {None: np.nan}
        self._texts: list[str] = [""]
        self._distinct: dict[str, tuple[Floats, NDArray[np.intp]]] = {}
        self._tested: dict[Hashable, Bools] = {}
        self._entries: dict[tuple[str, str], list[tuple[int, str]]] | None = None

    def __len__(self) -> int:
        return len(self._transactions)

    def read(self, name: str) -> Floats:
        """One field."""
        return self.value(name, lambda columns: columns._make(name))

    def value(self, key: str, make: Callable[["Columns"], Floats]) -> Floats:
        """What is computed of fields, made once for all that give this key."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make(self)
        return found

    def test(self, key: Hashable, test: Callable[["Columns"], Bools]) -> Bools:
        """What the test says, made once for all that give this key."""
        found = self._tested.get(key)
        if found is None:
            found = self._tested[key] = test(self)
        return found

    def codes_of(self, texts: Sequence[str | None]) -> Floats:
        """What stands for these texts, (texts,); NaN for None."""
        for text in dict.fromkeys(texts):
            self.code_of(text)
        return np.fromiter(map(self._codes.__getitem__, texts), np.float64, len(texts))

    def code_of(self, text: str | None) -> float:
        """What stands for one text."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = float(len(self._texts))
            self._texts.append(str(text))
        return code

    def each(self, key: str, codes: Floats, ask: Callable[[str], float]) -> Floats:
        """What `ask` says of each text, asked once of each distinct one. `key` names the texts."""
        known = self._distinct.get(key)
        if known is None:
            known = self._distinct[key] = np.unique(codes, return_inverse=True)
        distinct, places = known
        return np.array([np.nan if code != code else ask(self._texts[int(code)]) for code in distinct.tolist()])[places]

    def each_pair(self, left: Floats, right: Floats, ask: Callable[[str, str], float]) -> Floats:
        """The same of each distinct pair of texts; missing where one is."""
        size = float(len(self._texts))
        distinct, places = np.unique(left * size + right, return_inverse=True)
        found = np.full(len(distinct), np.nan)
        for place, pair in enumerate(distinct.tolist()):
            if pair == pair:
                one, other = divmod(pair, size)
                found[place] = ask(self._texts[int(one)], self._texts[int(other)])
        return found[places]

    def given(self, path: tuple[str, ...], kind: Kind | None) -> Floats:
        """What the sender gave beside the fields, as this kind; missing where it is of another one.

        Without a kind: 1 where there is anything but null.
        """
        values = [_found_in(transaction.extra, path) for transaction in self._transactions]
        if kind in ("text", "time"):
            return self.codes_of([value if isinstance(value, str) else None for value in values])
        return np.fromiter((_as_number(value, kind) for value in values), np.float64, len(values))

    def is_listed(self, field: str, name: str) -> Floats:
        """1 where what stands in the field is on the list, 0 where it is not, missing where the field is."""
        codes = self.read(field)
        found = np.where(np.isnan(codes), np.nan, 0.0)
        for entity in LISTED[field]:
            for row, value in self._entries_of(name, entity):
                if field not in COUNTRIES or value == getattr(self._transactions[row], field):
                    found[row] = 1.0
        return np.where(np.isnan(codes), np.nan, found)

    def _entries_of(self, name: str, entity: str) -> list[tuple[int, str]]:
        """Rows that meet an entry of the list, with its value."""
        if self._entries is None:
            self._entries = {}
            for row, hits in self._listed.items():
                for hit in hits:
                    self._entries.setdefault((hit.list, hit.entity), []).append((row, hit.value))
        return self._entries.get((name, entity), [])

    def _make(self, name: str) -> Floats:
        if name in OF_MODEL:
            said = self._of_model[name]
            return np.full(len(self._transactions), np.nan) if said is None else said
        if name == "amount":
            # Exact: in a float32 vector 499.99 lies a little beside the 499.99 a rule names.
            return np.array([float(transaction.amount) for transaction in self._transactions], np.float64)
        if name in INDEX:
            return self._vectors[:, INDEX[name]].astype(np.float64)
        values = list(map(attrgetter(name), self._transactions))
        if name == "occurred_at":
            return np.rint(np.array([value.timestamp() for value in values], np.float64) * 1e6)
        if name in ("latitude", "longitude"):
            return np.array(values, np.float64)
        return self.codes_of(values)


def _found_in(extra: dict[str, Any] | None, path: tuple[str, ...]) -> Any:
    """What stands at the end of the path; None where it leads nowhere."""
    value: Any = extra
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _as_number(value: Any, kind: Kind | None) -> float:
    if kind is None:
        return np.nan if value is None else 1.0
    if isinstance(value, bool):
        return float(value) if kind == "truth" else np.nan
    if kind != "number" or not isinstance(value, int | float):
        return np.nan
    try:
        number = float(value)
    except OverflowError:
        return np.nan
    return number if isfinite(number) else np.nan
