"""From the parts of a condition that have a value to functions over columns."""

from collections.abc import Callable
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np

from scoring.features.definitions import INDEX
from scoring.rules import cost
from scoring.rules.columns import Columns, Floats
from scoring.rules.errors import RuleError, nearest, quoted
from scoring.rules.fields import EXTRA, FIELDS, LISTED, OF_MODEL, Kind
from scoring.rules.functions import CASTS, CHOICES, FUNCTIONS, IN_LIST, MATCHES, each, found_by
from scoring.rules.kinds import Kinds, chosen, is_extra
from scoring.rules.parsing import Node
from scoring.rules.texts import like, regular_expression
from scoring.rules.times import SECOND, time_in, time_written
from scoring.rules.values import Reading, Truth, Value, as_reading, finite
from scoring.transaction import MAX_EXTRA_DEPTH

_MOST_LIST_NAME = 80


def _remainder(left: Any, right: Any) -> Any:
    """What a division leaves, with the sign of the divided. Exact where both have up to four decimals, as money has."""
    whole_left, whole_right = np.rint(left * 1e4), np.rint(right * 1e4)
    is_exact = (whole_left / 1e4 == left) & (whole_right / 1e4 == right)
    return np.where(is_exact, np.fmod(whole_left, whole_right) / 1e4, np.fmod(left, right))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": add, "-": sub, "*": mul, "/": truediv, "%": _remainder}


class Values:
    """Makes the values of one condition, and keeps what they read and cost."""

    def __init__(self, kinds: Kinds, costs: cost.Cost, truth: Callable[[Node], Truth]) -> None:
        self._kinds, self._costs, self._truth = kinds, costs, truth
        self.fields: set[str] = set()
        self.lists: set[str] = set()

    def make(self, node: Node, kind: Kind) -> Value:
        """A part that must have this kind.

        Raises:
            RuleError: it has another, or is wrong in itself.
        """
        found = self._kinds.of(node)
        if node.operation == "time" or (kind == "time" and node.operation == "text"):
            found, made = "time", self._time
        else:
            made = self._other
        if found not in (kind, None):
            raise RuleError(f"{self._kinds.quote(node)} is a {found} where a {kind} is needed.", node.place)
        return made(node, kind)

    def _other(self, node: Node, kind: Kind) -> Value:
        match node.operation:
            case "number" | "text" | "truth":
                return self._literal(node, kind)
            case "name":
                return self.given(node, kind) if is_extra(node) else self._field(node)
            case "call":
                return self._call(node, kind)
            case "case":
                return self._case(node, kind)
            case "neg" | "+" | "-" | "*" | "/" | "%":
                return self._arithmetic(node)
            case "like" | "ilike" | "~" | "~*":
                return self._pattern(node)
            case _:
                truth = self._truth(node)
                return self._made("truth", f"truth({truth.key})", as_reading(truth), cost.CHOICE, node)

    def _made(self, kind: Kind, key: str, make: Reading, nanoseconds: float, node: Node) -> Value:
        """A value that is computed once a batch however many rules contain it."""
        self._costs.add(key, nanoseconds, node.place)
        return Value(kind, key, lambda columns: columns.value(key, make), node.place)

    def _literal(self, node: Node, kind: Kind) -> Value:
        constant, key = node.value, repr(node.value)
        assert isinstance(constant, float | str | bool)
        if isinstance(constant, str):
            texts = [constant]
            return Value(
                kind, key, lambda columns: columns.value(key, lambda _: columns.codes_of(texts)), node.place, constant
            )
        numbers = np.array([constant], np.float64)
        return Value(kind, key, lambda columns: numbers, node.place, constant)

    def _time(self, node: Node, kind: Kind) -> Value:
        time = time_written(str(node.value), node.place)
        times = np.array([time], np.float64)
        return Value(kind, f"@{time!r}", lambda columns: times, node.place, time)

    def _field(self, node: Node) -> Value:
        name = self._kinds.field(node)
        kind = FIELDS[name].kind
        self.fields.add(name)
        is_array = name in INDEX and name != "amount" or name in OF_MODEL
        self._costs.add(name, cost.ARRAY_FIELD if is_array else cost.FIELD, node.place)
        return Value(kind, name, lambda columns: columns.read(name), node.place)

    def given(self, node: Node, kind: Kind | None) -> Value:
        """What the sender gave beside the fields; without a kind, whether there is any."""
        assert isinstance(node.value, tuple)
        path = node.value[1:]
        if not path or len(path) > MAX_EXTRA_DEPTH:
            raise RuleError(
                f"{self._kinds.quote(node)}: name what is in {EXTRA}, at most {MAX_EXTRA_DEPTH} levels deep, "
                f"like `{EXTRA}.basket.items`.",
                node.place,
            )
        self.fields.add(".".join((EXTRA, *path)))
        if kind == "time":
            return self._given_time(node, path)
        key = f"{EXTRA}:{kind}:{path!r}"
        return self._made(kind or "truth", key, lambda columns: columns.given(path, kind), cost.EXTRA, node)

    def _given_time(self, node: Node, path: tuple[str, ...]) -> Value:
        key = f"{EXTRA}:text:{path!r}"

        def read(columns: Columns) -> Floats:
            codes = columns.value(key, lambda _: columns.given(path, "text"))
            return columns.each(key, codes, time_in)

        return self._made("time", f"time({key})", read, cost.EXTRA + cost.EACH_TIME, node)

    def _arithmetic(self, node: Node) -> Value:
        """Of numbers; and the seconds from one time to another."""
        if node.operation == "neg":
            inner = self.make(node.parts[0], "number")
            return self._made("number", f"-({inner.key})", lambda columns: -inner.read(columns), cost.ARITHMETIC, node)
        is_of_times = node.operation == "-" and self._kinds.common(node.parts) == "time"
        left, right = (self.make(part, "time" if is_of_times else "number") for part in node.parts)
        operate, unit = _ARITHMETIC[node.operation], SECOND if is_of_times else 1.0

        def read(columns: Columns) -> Floats:
            found: Floats = operate(left.read(columns), right.read(columns))
            return found / unit if is_of_times else found

        nanoseconds = cost.REMAINDER if node.operation == "%" else cost.ARITHMETIC
        return self._made("number", f"({left.key} {node.operation} {right.key})", finite(read), nanoseconds, node)

    def _case(self, node: Node, kind: Kind) -> Value:
        conditions = [self._truth(part) for part in node.parts[:-1:2]]
        values = [self.make(part, kind) for part in chosen(node)]
        cases = list(zip(conditions, values, strict=False))[::-1]
        otherwise = values[len(conditions)].read if len(values) > len(conditions) else None

        def read(columns: Columns) -> Floats:
            found = otherwise(columns) if otherwise else np.array([np.nan])
            for condition, value in cases:
                found = np.where(condition.true(columns), value.read(columns), found)
            return found

        keys = [one.key for one in conditions] + [one.key for one in values]
        key = f"case({len(conditions)},{','.join(keys)})"
        return self._made(kind, key, read, cost.CHOICE * len(conditions), node)

    def _pattern(self, node: Node) -> Value:
        """LIKE and ~: asked of each distinct text."""
        asked, written = node.parts
        if written.operation != "text":
            quote = self._kinds.quote(node)
            raise RuleError(f"{quote}: the pattern must be written out, as a 'text'.", written.place)
        value, wanted = self.make(asked, "text"), str(written.value)
        if node.operation == "ilike":
            pattern = like(wanted.lower(), written.place)
            read = each(value, lambda _, text: pattern.is_found_in(text.lower()))
        else:
            is_like, is_case_blind = node.operation == "like", node.operation == "~*"
            pattern = (
                like(wanted, written.place)
                if is_like
                else regular_expression(wanted, written.place, is_case_blind=is_case_blind)
            )
            read = found_by(pattern, value)
        key = f"({value.key} {node.operation} {wanted!r})"
        return self._made("truth", key, read, pattern.cost, node)

    def _call(self, node: Node, kind: Kind) -> Value:
        name = self._kinds.function(node)
        if name in CASTS:
            return self._cast(node, CASTS[name])
        if name == IN_LIST:
            return self._in_list(node)
        if name in CHOICES:
            return self._choice(node, name, kind)
        if name == MATCHES:
            return self._matches(node)
        function = FUNCTIONS[name]
        if not function.takes_count(len(node.parts)):
            raise self._wrong(node, f"write it like `{function.example}`")
        for place in function.literal:
            if place < len(node.parts) and node.parts[place].operation not in ("number", "text"):
                raise self._wrong(node, f"argument {place + 1} must be written out, like `{function.example}`")
        values = [self.make(part, taken) for part, taken in zip(node.parts, function.takes, strict=False)]
        key = f"{name}({','.join(value.key for value in values)})"
        return self._made(function.gives, key, function.make(values), function.cost, node)

    def _matches(self, node: Node) -> Value:
        if len(node.parts) != 2:
            raise self._wrong(node, "write it like `matches(merchant_name, '^gift')`")
        return self._pattern(Node("~", node.parts, None, node.place))

    def _wrong(self, node: Node, way_out: str) -> RuleError:
        return RuleError(f"{self._kinds.quote(node)} cannot be computed; {way_out}.", node.place)

    def _cast(self, node: Node, kind: Kind) -> Value:
        if len(node.parts) != 1 or not is_extra(node.parts[0]):
            raise self._wrong(node, f"{kind}() reads what is in {EXTRA}: `{kind}({EXTRA}.name)`")
        return self.given(node.parts[0], kind)

    def _choice(self, node: Node, name: str, kind: Kind) -> Value:
        choice = CHOICES[name]
        if not 2 <= len(node.parts) <= choice.most:
            raise self._wrong(node, f"write it like `{choice.example}`")
        if kind not in choice.kinds:
            raise self._wrong(node, f"it is for a {' or a '.join(choice.kinds)}, not for a {kind}")
        values = [self.make(part, kind) for part in node.parts]
        key = f"{name}({','.join(value.key for value in values)})"
        return self._made(kind, key, choice.reading(values), cost.CHOICE * len(values), node)

    def _in_list(self, node: Node) -> Value:
        if [part.operation for part in node.parts] != ["name", "text"]:
            raise self._wrong(node, "write it like `in_list(card_id, 'mules')`")
        asked, written = node.parts
        path, name = asked.value, str(written.value)
        field = path[0] if isinstance(path, tuple) and len(path) == 1 else self._kinds.written(asked)
        if field not in LISTED:
            raise RuleError(f"Lists are not asked for {quoted(field)}.{nearest(field, LISTED)}", asked.place)
        if not 1 <= len(name) <= _MOST_LIST_NAME:
            raise RuleError(f"The name of a list has 1 to {_MOST_LIST_NAME} characters.", written.place)
        self._field(asked)
        self.lists.add(name)
        key = f"{IN_LIST}({field},{name!r})"
        return self._made("truth", key, lambda columns: columns.is_listed(field, name), cost.IN_LIST, node)
