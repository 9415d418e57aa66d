"""The language of rules: SQL conditions over the payment's fields, the features and the score.

`amount > 500 AND card_is_new_device = 1 AND merchant_country NOT IN ('FR', 'DE')`

A condition is parsed, checked against the tables of fields and functions, and becomes a function over columns: the same
for one payment, a batch, or history. Missing values follow SQL: whatever compares or computes with one is neither true
nor false, also under NOT, and no hit; IS NULL and coalesce ask for it. A division by zero is missing too, and so is
what is too large for a number.

No third truth value is computed. Each part is where it is true and where it is false; NOT swaps the two, and what meets
a missing value, NaN, is in neither.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from scoring.rules import cost
from scoring.rules.comparing import COMPARISONS, between, compared, every, member, some
from scoring.rules.errors import RuleError
from scoring.rules.fields import FIELDS
from scoring.rules.kinds import Kinds, is_extra
from scoring.rules.parsing import MAX_LENGTH, Node, parse
from scoring.rules.reading import Values
from scoring.rules.values import Test, Truth, Value, shared, truth_of

__all__ = ["MAX_LENGTH", "Condition", "RuleError", "compile_condition", "cost_together"]

_CONDITIONS = frozenset((*COMPARISONS, "and", "or", "not", "in", "between", "is"))


@dataclass(frozen=True)
class Condition:
    """A checked condition, the fields it reads, the lists it asks and the numbers that stand in it.

    `holds` says where it is true, neither false nor unknown. Whoever calls it has numpy's warnings off.
    `costs`: about how many nanoseconds a payment takes in a batch of 500, by part; equal parts have the same key.
    """

    holds: Test
    fields: frozenset[str]
    lists: frozenset[str] = frozenset()
    costs: Mapping[str, float] = field(default_factory=dict, compare=False)
    numbers: frozenset[float] = frozenset()

    @property
    def cost(self) -> float:
        """Nanoseconds of all parts."""
        return cost_together([self])


def cost_together(conditions: Iterable[Condition]) -> float:
    """Nanoseconds of conditions that are asked of the same payments: what several contain is computed once."""
    return sum({key: nanoseconds for one in conditions for key, nanoseconds in one.costs.items()}.values())


def compile_condition(text: str) -> Condition:
    """Check a condition and compile it.

    Raises:
        RuleError: what is wrong with it, and where.
    """
    conditions = _Conditions(text)
    tree = parse(text)
    truth = conditions.truth(tree)
    values = conditions.values
    if not values.fields:
        raise RuleError("The condition reads no field: it would hit every payment or none.")
    allowed, numbers = conditions.costs.allowed(), frozenset(_numbers(tree))
    return Condition(truth.true, frozenset(values.fields), frozenset(values.lists), allowed, numbers)


def _numbers(node: Node) -> Iterator[float]:
    if isinstance(node.value, float):
        yield node.value
    for part in node.parts:
        yield from _numbers(part)


class _Conditions:
    """Makes the truths of one condition."""

    def __init__(self, text: str) -> None:
        self._kinds, self.costs = Kinds(text), cost.Cost(text)
        self.values = Values(self._kinds, self.costs, self.truth)

    def truth(self, node: Node) -> Truth:
        """Where it is true and where false.

        Raises:
            RuleError: it is no condition.
        """
        match node.operation:
            case "and" | "or":
                return self._joined(node)
            case "not":
                inner = self.truth(node.parts[0])
                return Truth(f"not({inner.key})", inner.false, inner.true)
            case "is":
                return self._is(node)
            case "in":
                return self._membership(node)
            case "between":
                return self._between(node)
            case sign if sign in COMPARISONS:
                return self._comparison(node)
            case _:
                return self._single(node)

    def _single(self, node: Node) -> Truth:
        """A value that is true or false by itself."""
        kind = self._kinds.of(node)
        if node.operation == "truth" or kind not in ("truth", None):
            quote = self._kinds.quote(node)
            is_flag = node.operation == "name" and FIELDS[self._kinds.field(node)].unit == "flag"
            hint = f" Did you mean {quote[:-1]} = 1`?" if is_flag else ""
            raise RuleError(
                f"{quote} is not a condition; use comparisons, IN, BETWEEN, LIKE, IS NULL, in_list, AND, OR and NOT."
                f"{hint}",
                node.place,
            )
        return truth_of(self.values.make(node, "truth"))

    def _shared(self, key: str, true: Test, false: Test, node: Node, nanoseconds: float = cost.COMPARISON) -> Truth:
        self.costs.add(key, nanoseconds, node.place)
        return shared(key, true, false)

    def _joined(self, node: Node) -> Truth:
        parts = [self.truth(part) for part in node.parts]
        true, false = [part.true for part in parts], [part.false for part in parts]
        key = f"{node.operation}({','.join(part.key for part in parts)})"
        self.costs.add(key, cost.JOIN * len(parts), node.place)
        return Truth(key, every(true), some(false)) if node.operation == "and" else Truth(key, some(true), every(false))

    def _is(self, node: Node) -> Truth:
        """IS NULL, IS TRUE and IS FALSE are true or false of anything, never neither."""
        inner = node.parts[0]
        if node.value == "NULL" and inner.operation not in _CONDITIONS:
            return self._missing(node)
        truth = self.truth(inner)
        key = f"({truth.key} IS {node.value})"
        if node.value == "NULL":
            known = some([truth.true, truth.false])
            return self._shared(key, _opposite(known), known, node)
        wanted = truth.true if node.value == "TRUE" else truth.false
        return self._shared(key, wanted, _opposite(wanted), node)

    def _missing(self, node: Node) -> Truth:
        """Of what the sender gave, whatever its kind is."""
        inner = node.parts[0]
        if is_extra(inner):
            value = self.values.given(inner, None)
        else:
            value = self.values.make(inner, self._kinds.known([inner], inner))
        read = value.read
        return self._shared(
            f"({value.key} IS NULL)",
            lambda columns: np.isnan(read(columns)),
            lambda columns: ~np.isnan(read(columns)),
            node,
        )

    def _alike(self, node: Node) -> list[Value]:
        """The parts of a comparison, all of one kind."""
        kind = self._kinds.known(node.parts, node)
        self._kinds.check_alike(node.parts, kind, node)
        return [self.values.make(part, kind) for part in node.parts]

    def _comparison(self, node: Node) -> Truth:
        left, right = self._alike(node)
        if left.kind in ("text", "truth") and node.operation not in ("=", "<>"):
            what = f"{self._kinds.quote(node)}: a {left.kind} can be equal or not, but not larger or smaller"
            hint = "; write `time(extra.name)` for a time" if left.kind == "text" else ""
            raise RuleError(f"{what}{hint}.", node.place)
        true, false = compared(node.operation, left.read, right.read)
        return self._shared(f"({left.key} {node.operation} {right.key})", true, false, node)

    def _between(self, node: Node) -> Truth:
        value, low, high = self._alike(node)
        if value.kind not in ("number", "time"):
            quote = self._kinds.quote(node)
            raise RuleError(f"{quote}: BETWEEN is for numbers and times, not for a {value.kind}.", node.place)
        true, false = between(value.read, low.read, high.read)
        return self._shared(f"({value.key} BETWEEN {low.key} AND {high.key})", true, false, node)

    def _membership(self, node: Node) -> Truth:
        value, *items = self._alike(node)
        constants = [item.constant for item in items]
        if None in constants:
            raise RuleError(f"{self._kinds.quote(node)}: IN needs a list of values, each written out.", node.place)
        true, false = member(value, constants)
        nanoseconds = cost.COMPARISON + min(cost.MEMBER * len(items), cost.EACH_TEXT)
        return self._shared(f"({value.key} IN {constants!r})", true, false, node, nanoseconds)


def _opposite(test: Test) -> Test:
    return lambda columns: ~test(columns)
