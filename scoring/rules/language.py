"""The language of rules: SQL conditions over the payment's fields, the features and the score.

`amount > 500 AND card_is_new_device = 1 AND merchant_country NOT IN ('FR', 'DE')`

A condition is parsed, checked against an allow-list of its parts and the table of fields, and becomes a function over
columns: the same for one payment, a batch, or history. Missing values follow SQL: whatever compares or computes with
one is neither true nor false, also under NOT, and no hit; only IS NULL asks for it. A division by zero is missing too,
and so is what is too large for a number.

No third truth value is computed. While a condition is compiled, NOT moves down to the comparisons; each is asked where
it is true, or where it is false. What meets a missing value, NaN, is neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from operator import add, and_, eq, ge, gt, le, lt, mul, or_, sub, truediv
from typing import Any, Literal

import numpy as np
import sqlglot
from sqlglot import exp

from scoring.features.definitions import NAMES
from scoring.rules.columns import Bools, Columns, Floats

Kind = Literal["number", "text"]
TEXT_FIELDS = (
    "currency", "card_id", "merchant_id", "customer_id", "device_id", "ip_address", "merchant_category",
    "merchant_name", "merchant_country", "card_country", "billing_country", "channel",
)  # fmt: skip
FIELDS: dict[str, Kind] = {
    **dict.fromkeys(NAMES, "number"),
    "score": "number",
    **dict.fromkeys(TEXT_FIELDS, "text"),
}
MAX_LENGTH, MAX_PARTS = 2000, 100

# Both give one value a payment, or a single one where no field is read.
Test = Callable[[Columns], Bools]
Reading = Callable[[Columns], Floats]


def _differ(left: Floats, right: Floats) -> Bools:
    """Unlike `!=`, false of NaN."""
    return (left < right) | (left > right)


_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: eq, exp.NEQ: _differ, exp.GT: gt, exp.GTE: ge, exp.LT: lt, exp.LTE: le,
}  # fmt: skip
_OPPOSITES: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.GT: exp.LTE, exp.LTE: exp.GT, exp.LT: exp.GTE, exp.GTE: exp.LT,
}  # fmt: skip
_ARITHMETIC: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.Add: add, exp.Sub: sub, exp.Mul: mul, exp.Div: truediv,
}  # fmt: skip


class RuleError(ValueError):
    """The condition is not a rule; the message names the place and, where there is one, the nearest name.

    `place`: where in the text the fault begins and ends, None where it is everywhere.
    """

    def __init__(self, message: str, place: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class Condition:
    """A checked condition, the fields it reads and the lists it asks.

    `holds` says where it is true, neither false nor unknown. Whoever calls it has numpy's warnings off.
    `cost`: about how many nanoseconds a payment takes in a batch of 500.
    """

    holds: Test
    fields: frozenset[str]
    lists: frozenset[str] = frozenset()
    cost: float = 0.0


def compile_condition(text: str) -> Condition:
    """Check a condition and compile it.

    Raises:
        RuleError: what is wrong with it.
    """
    if len(text) > MAX_LENGTH:
        raise RuleError(f"The condition is longer than {MAX_LENGTH} characters.")
    try:
        tree: Any = sqlglot.parse_one(text, dialect="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise RuleError(f"This cannot be read as a condition: {str(error).splitlines()[0]}") from error
    parts = sum(1 for _ in tree.walk())
    if parts > MAX_PARTS:
        raise RuleError(f"The condition has more than {MAX_PARTS} parts; make two rules of it.")
    fields = frozenset(column.name for column in tree.find_all(exp.Column))
    holds = _test(tree, wanted=True)
    if not fields:
        raise RuleError("The condition reads no field: it would hit every payment or none.")
    return Condition(holds, fields, frozenset(), float(parts))


def _test(node: exp.Expression, *, wanted: bool) -> Test:
    """Where the condition is true or, if that is wanted, false."""
    if isinstance(node, exp.Paren):
        return _test(node.this, wanted=wanted)
    if isinstance(node, exp.Not):
        return _test(node.this, wanted=not wanted)
    if isinstance(node, exp.And | exp.Or):
        join = and_ if isinstance(node, exp.And) is wanted else or_
        return _joined(join, *(_test(part, wanted=wanted) for part in (node.args["this"], node.args["expression"])))
    return _shared(_single(node, wanted=wanted), node.sql(), wanted=wanted)


def _joined(
    operation: Callable[[Any, Any], Any], left: Callable[[Columns], Any], right: Callable[[Columns], Any]
) -> Callable[[Columns], Any]:
    return lambda columns: operation(left(columns), right(columns))


def _shared(test: Test, text: str, *, wanted: bool) -> Test:
    """The same test, made once a batch however many rules contain it."""
    key = (text, wanted)
    return lambda columns: columns.test(key, test)


def _single(node: exp.Expression, *, wanted: bool) -> Test:
    """The same of a condition that is not made of others."""
    if type(node) in _COMPARISONS:
        return _comparison(node, wanted=wanted)
    if isinstance(node, exp.Between):
        return _between(node, wanted=wanted)
    if isinstance(node, exp.In):
        return _membership(node, wanted=wanted is not bool(node.args.get("negate")))
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return _missing(node, wanted=wanted is not bool(node.args.get("negate")))
    raise RuleError(f"`{node.sql()}` is not a condition; use comparisons, IN, BETWEEN, IS NULL, AND, OR and NOT.")


def _comparison(node: exp.Expression, *, wanted: bool) -> Test:
    (left, left_kind), (right, right_kind) = _value(node.this), _value(node.expression)
    if left_kind != right_kind:
        raise RuleError(f"`{node.sql()}` compares a {left_kind} with a {right_kind}.")
    if left_kind == "text" and not isinstance(node, exp.EQ | exp.NEQ):
        raise RuleError(f"`{node.sql()}`: texts can be equal or not, but not larger or smaller.")
    return _joined(_COMPARISONS[type(node) if wanted else _OPPOSITES[type(node)]], left, right)


def _between(node: exp.Between, *, wanted: bool) -> Test:
    if node.args.get("symmetric"):
        raise RuleError(f"`{node.sql()}`: write the smaller number first instead of SYMMETRIC.")
    value, low, high = (_number(node.args[part]) for part in ("this", "low", "high"))
    if wanted:
        return lambda columns: (value(columns) >= low(columns)) & (value(columns) <= high(columns))
    return lambda columns: (value(columns) < low(columns)) | (value(columns) > high(columns))


def _membership(node: exp.In, *, wanted: bool) -> Test:
    value, kind = _value(node.this)
    given = [_literal(item) for item in node.expressions]
    if not given or any(item_kind != kind for _, item_kind in given):
        raise RuleError(f"`{node.sql()}`: IN needs a list of values, each a {kind}.")
    items = _constant([item for item, _ in given], kind)

    def is_in(columns: Columns) -> Bools:
        found: Bools = np.logical_or.reduce(value(columns) == items(columns)[:, np.newaxis], axis=0)
        return found

    return is_in if wanted else lambda columns: ~(is_in(columns) | np.isnan(value(columns)))


def _missing(node: exp.Is, *, wanted: bool) -> Test:
    value, _ = _value(node.this)
    if wanted:
        return lambda columns: np.isnan(value(columns))
    return lambda columns: ~np.isnan(value(columns))


def _number(node: exp.Expression) -> Reading:
    value, kind = _value(node)
    if kind != "number":
        raise RuleError(f"`{node.sql()}` is a text where a number is needed.")
    return value


def _value(node: exp.Expression) -> tuple[Reading, Kind]:
    if isinstance(node, exp.Paren):
        return _value(node.this)
    if isinstance(node, exp.Neg):
        value = _number(node.this)
        return lambda columns: -value(columns), "number"
    if type(node) in _ARITHMETIC:
        return _finite(_joined(_ARITHMETIC[type(node)], _number(node.this), _number(node.expression))), "number"
    if isinstance(node, exp.Column):
        return _column(node)
    literal, kind = _literal(node)
    return _constant([literal], kind), kind


def _finite(result: Reading) -> Reading:
    """Missing where there is no number. Infinity less itself is NaN, and a number less itself adds nothing."""

    def read(columns: Columns) -> Floats:
        found = result(columns)
        return found + (found - found)

    return read


def _constant(values: list[Any], kind: Kind) -> Reading:
    """The same values, (values,), whatever the batch."""
    if kind == "text":
        return lambda columns: columns.codes_of(values)
    numbers = np.array(values, np.float64)
    return lambda columns: numbers


def _column(node: exp.Column) -> tuple[Reading, Kind]:
    if node.table or node.name not in FIELDS:
        near = get_close_matches(node.name, FIELDS, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise RuleError(f"There is no field `{node.sql()}`.{hint}")
    name = node.name
    return lambda columns: columns.read(name), FIELDS[name]


def _literal(node: exp.Expression) -> tuple[float | str, Kind]:
    if isinstance(node, exp.Literal):
        return (str(node.this), "text") if node.is_string else (_float(node), "number")
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return -_float(node.this), "number"
    raise RuleError(f"`{node.sql()}` is not allowed here; use fields, numbers and 'texts'.")


def _float(node: exp.Literal) -> float:
    value = float(node.this)
    if not isfinite(value):
        raise RuleError(f"`{node.sql()}` is too large a number.")
    return value
