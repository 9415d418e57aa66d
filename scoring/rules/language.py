"""The language of rules: SQL conditions over the payment's fields, the features and the score.

`amount > 500 AND card_is_new_device = 1 AND merchant_country NOT IN ('FR', 'DE')`

A condition is parsed, checked against an allow-list of its parts and the table of fields, and becomes one polars
expression: the same for one payment, a batch, or history. Missing values follow SQL: whatever compares or computes with
one is neither true nor false, also under NOT, and no hit; only IS NULL asks for it. A division by zero is missing too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from math import isfinite
from operator import and_, or_
from typing import Any, Literal

import polars as pl
import sqlglot
from sqlglot import exp

from scoring.features.definitions import NAMES

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

_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
}
_ARITHMETIC: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.Add: lambda a, b: a + b,
    exp.Sub: lambda a, b: a - b,
    exp.Mul: lambda a, b: a * b,
    exp.Div: lambda a, b: a / b,
}


class RuleError(ValueError):
    """The condition is not a rule; the message names the place and, where there is one, the nearest name."""


@dataclass(frozen=True)
class Condition:
    """A checked condition and the fields it reads."""

    expression: pl.Expr
    fields: frozenset[str]


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
    if sum(1 for _ in tree.walk()) > MAX_PARTS:
        raise RuleError(f"The condition has more than {MAX_PARTS} parts; make two rules of it.")
    fields = frozenset(column.name for column in tree.find_all(exp.Column))
    expression = _boolean(tree)
    if not fields:
        raise RuleError("The condition reads no field: it would hit every payment or none.")
    return Condition(expression, fields)


def _boolean(node: exp.Expression) -> pl.Expr:
    if isinstance(node, exp.Paren):
        return _boolean(node.this)
    if isinstance(node, exp.Not):
        return ~_boolean(node.this)
    if isinstance(node, exp.And | exp.Or):
        join = and_ if isinstance(node, exp.And) else or_
        return reduce(join, (_boolean(part) for part in (node.args["this"], node.args["expression"])))
    if type(node) in _COMPARISONS:
        return _comparison(node)
    if isinstance(node, exp.Between):
        return _between(node)
    if isinstance(node, exp.In):
        return _membership(node)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        missing = _value(node.this)[0].is_null()
        return ~missing if node.args.get("negate") else missing
    raise RuleError(f"`{node.sql()}` is not a condition; use comparisons, IN, BETWEEN, IS NULL, AND, OR and NOT.")


def _comparison(node: exp.Expression) -> pl.Expr:
    (left, left_kind), (right, right_kind) = _value(node.this), _value(node.expression)
    if left_kind != right_kind:
        raise RuleError(f"`{node.sql()}` compares a {left_kind} with a {right_kind}.")
    if left_kind == "text" and not isinstance(node, exp.EQ | exp.NEQ):
        raise RuleError(f"`{node.sql()}`: texts can be equal or not, but not larger or smaller.")
    result: pl.Expr = _COMPARISONS[type(node)](left, right)
    return result


def _between(node: exp.Between) -> pl.Expr:
    if node.args.get("symmetric"):
        raise RuleError(f"`{node.sql()}`: write the smaller number first instead of SYMMETRIC.")
    return _number(node.this).is_between(_number(node.args["low"]), _number(node.args["high"]))


def _membership(node: exp.In) -> pl.Expr:
    value, kind = _value(node.this)
    wanted = [_literal(item) for item in node.expressions]
    if not wanted or any(item_kind != kind for _, item_kind in wanted):
        raise RuleError(f"`{node.sql()}`: IN needs a list of values, each a {kind}.")
    found = value.is_in([item for item, _ in wanted])
    return ~found if node.args.get("negate") else found


def _number(node: exp.Expression) -> pl.Expr:
    value, kind = _value(node)
    if kind != "number":
        raise RuleError(f"`{node.sql()}` is a text where a number is needed.")
    return value


def _value(node: exp.Expression) -> tuple[pl.Expr, Kind]:
    if isinstance(node, exp.Paren):
        return _value(node.this)
    if isinstance(node, exp.Neg):
        return -_number(node.this), "number"
    if type(node) in _ARITHMETIC:
        return _finite(_ARITHMETIC[type(node)](_number(node.this), _number(node.expression))), "number"
    if isinstance(node, exp.Column):
        return _column(node)
    value, kind = _literal(node)
    return pl.lit(value), kind


def _finite(result: pl.Expr) -> pl.Expr:
    """Missing where there is no number: polars takes 0 / 0 for larger than everything."""
    return pl.when(result.is_finite()).then(result)


def _column(node: exp.Column) -> tuple[pl.Expr, Kind]:
    if node.table or node.name not in FIELDS:
        near = get_close_matches(node.name, FIELDS, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise RuleError(f"There is no field `{node.sql()}`.{hint}")
    return pl.col(node.name), FIELDS[node.name]


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
