"""Comparisons of values: each as where it is true and where it is false. What meets NaN is neither."""

from collections.abc import Callable, Sequence
from operator import and_, eq, ge, gt, le, lt, or_
from typing import Any

import numpy as np

from scoring.rules.columns import Bools, Columns
from scoring.rules.values import Reading, Test, Value

# Up to here it is quicker to compare with each item than to look for the place among them.
_FEW = 16

Both = tuple[Test, Test]


def _differ(left: Any, right: Any) -> Any:
    """Unlike `!=`, false of NaN."""
    return (left < right) | (left > right)


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {"=": eq, "<>": _differ, ">": gt, ">=": ge, "<": lt, "<=": le}
_OPPOSITES = {"=": "<>", "<>": "=", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
COMPARISONS = tuple(_OPERATIONS)


def compared(sign: str, left: Reading, right: Reading) -> Both:
    """Of two values."""

    def test(operation: Callable[[Any, Any], Any]) -> Test:
        return lambda columns: operation(left(columns), right(columns))

    return test(_OPERATIONS[sign]), test(_OPERATIONS[_OPPOSITES[sign]])


def between(value: Reading, low: Reading, high: Reading) -> Both:
    """Both borders belong to it."""
    return (
        lambda columns: (value(columns) >= low(columns)) & (value(columns) <= high(columns)),
        lambda columns: (value(columns) < low(columns)) | (value(columns) > high(columns)),
    )


def member(value: Value, items: Sequence[Any]) -> Both:
    """Of a value and constants of its kind."""
    is_in = _among_texts(value, items) if value.kind == "text" else _among_numbers(value.read, items)
    read = value.read
    return is_in, lambda columns: ~(is_in(columns) | np.isnan(read(columns)))


def _among_texts(value: Value, items: Sequence[str]) -> Test:
    key, read, wanted = value.key, value.read, frozenset(items)
    if len(wanted) > _FEW:
        return lambda columns: columns.each(key, read(columns), lambda text: float(text in wanted)) == 1.0
    item_key = f"items:{sorted(wanted)!r}"
    texts = sorted(wanted)

    def test(columns: Columns) -> Bools:
        codes = columns.value(item_key, lambda _: columns.codes_of(texts))
        found: Bools = np.logical_or.reduce(read(columns) == codes[:, np.newaxis], axis=0)
        return found

    return test


def _among_numbers(read: Reading, items: Sequence[float]) -> Test:
    ordered = np.unique(np.array(items, np.float64))
    if len(ordered) <= _FEW:
        across = ordered[:, np.newaxis]
        return lambda columns: np.logical_or.reduce(read(columns) == across, axis=0)

    def test(columns: Columns) -> Bools:
        numbers = read(columns)
        places = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
        found: Bools = ordered[places] == numbers
        return found

    return test


def every(tests: Sequence[Test]) -> Test:
    """Where all are true."""
    return _joined(and_, tests)


def some(tests: Sequence[Test]) -> Test:
    """Where any is true."""
    return _joined(or_, tests)


def _joined(operation: Callable[[Bools, Bools], Bools], tests: Sequence[Test]) -> Test:
    first, *others = tests

    def test(columns: Columns) -> Bools:
        found = first(columns)
        for other in others:
            found = operation(found, other(columns))
        return found

    return test
