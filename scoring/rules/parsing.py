"""From the text of a condition to a tree: SQL's words and precedence, and where in the text each part stands.

The work is bounded by the length of the text: each token is looked at once, and what nests too deep ends the reading.
"""

from dataclasses import dataclass
from math import isfinite

from scoring.rules.errors import Place, RuleError, quoted
from scoring.rules.tokens import Token, tokens_of

MAX_LENGTH, MAX_PARTS, MAX_DEPTH, MAX_ITEMS = 2000, 200, 40, 500

# Weakest first, as PostgreSQL binds them.
_OR, _AND, _NOT, _IS, _COMPARED, _WITHIN, _MATCHED, _SUM, _PRODUCT, _SIGN = range(1, 11)
_POWERS = {
    "OR": _OR, "AND": _AND, "IS": _IS, "=": _COMPARED, "<>": _COMPARED, "!=": _COMPARED, "<": _COMPARED,
    "<=": _COMPARED, ">": _COMPARED, ">=": _COMPARED, "NOT": _WITHIN, "IN": _WITHIN, "BETWEEN": _WITHIN,
    "LIKE": _WITHIN, "ILIKE": _WITHIN, "~": _MATCHED, "~*": _MATCHED, "!~": _MATCHED, "!~*": _MATCHED, "+": _SUM,
    "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT,
}  # fmt: skip
_ONE_AT_A_TIME = (_IS, _COMPARED, _WITHIN)


@dataclass(frozen=True)
class Node:
    """A part of a condition.

    `operation`: number, text, time, truth, null, name, call, case, neg, not, and, or, in, between, is (`value` is what
    of), like, ilike, ~, ~*, an arithmetic sign, or a comparison. `value`: of a literal; the path of a name; the name of
    a function.
    """

    operation: str
    parts: tuple["Node", ...]
    value: float | str | bool | tuple[str, ...] | None
    place: Place


def parse(text: str) -> Node:
    """Read a condition.

    Raises:
        RuleError: it is none, or larger than the limits.
    """
    if len(text) > MAX_LENGTH:
        raise RuleError(f"The condition is longer than {MAX_LENGTH} characters; make two rules of it.")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise RuleError("The condition has a character that is not text.")
    return _Parser(text).whole()


class _Parser:
    """Operator precedence, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens = text, tokens_of(text)
        self._at = self._depth = self._parts = 0

    def whole(self) -> Node:
        node = self._expression(_OR)
        if self._next.kind != "end":
            raise self._unexpected("AND, OR or the end")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _is(self, *signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _takes(self, *signs: str) -> bool:
        is_next = self._is(*signs)
        self._at += is_next
        return is_next

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._unexpected(f"`{sign}`")

    def _unexpected(self, wanted: str) -> RuleError:
        token = self._next
        what = "it ends" if token.kind == "end" else f"there is {quoted(self._text[token.start : token.end])}"
        before = self._text[: token.start].rstrip()[-20:]
        after = f" after {quoted(before)}" if before else ""
        return RuleError(f"The condition cannot be read{after}: {what} where {wanted} is needed.", token[2:])

    def _node(
        self, operation: str, start: int, *parts: Node, value: float | str | tuple[str, ...] | None = None
    ) -> Node:
        """A part that began at `start` and ends where the reader is."""
        self._parts += 1
        place = (start, self._tokens[self._at - 1].end)
        if self._parts > MAX_PARTS:
            raise RuleError(f"The condition has more than {MAX_PARTS} parts; make two rules of it.", place)
        return Node(operation, parts, value, place)

    def _expression(self, floor: int) -> Node:
        """All that binds at least as strong as `floor`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            place = (self._next.start, self._next.end)
            raise RuleError(f"The condition is nested deeper than {MAX_DEPTH} levels; make two rules of it.", place)
        left, last = self._prefixed(), 0
        while self._next.kind == "sign" and (power := _POWERS.get(self._next.text, 0)) >= floor:
            if power == last and power in _ONE_AT_A_TIME:
                raise self._unexpected("AND, OR or parentheses around what comes before")
            left, last = self._infix(left, power), power
        self._depth -= 1
        return left

    def _infix(self, left: Node, power: int) -> Node:
        start, sign = left.place[0], self._take().text
        if sign == "IS":
            return self._is_what(left)
        if power == _WITHIN:
            return self._within(left, sign)
        right = self._expression(power + 1)
        if sign in ("AND", "OR"):
            # One node for a chain of them: no deeper, however long.
            before = left.parts if left.operation == sign.lower() else (left,)
            return self._node(sign.lower(), start, *before, right)
        if sign.startswith("!~"):
            return self._node("not", start, self._node(sign[1:], start, left, right))
        return self._node("<>" if sign == "!=" else sign, start, left, right)

    def _is_what(self, left: Node) -> Node:
        is_not = self._takes("NOT")
        if not self._is("NULL", "TRUE", "FALSE", "UNKNOWN"):
            raise self._unexpected("NULL, TRUE or FALSE")
        what = self._take().text
        node = self._node("is", left.place[0], left, value="NULL" if what == "UNKNOWN" else what)
        return self._node("not", left.place[0], node) if is_not else node

    def _within(self, left: Node, sign: str) -> Node:
        start, is_not = left.place[0], sign == "NOT"
        if is_not:
            if not self._is("IN", "BETWEEN", "LIKE", "ILIKE"):
                raise self._unexpected("IN, BETWEEN, LIKE or ILIKE")
            sign = self._take().text
        if sign == "IN":
            node = self._in(left)
        elif sign == "BETWEEN":
            node = self._between(left)
        else:
            node = self._node(sign.lower(), start, left, self._expression(_MATCHED))
        return self._node("not", start, node) if is_not else node

    def _between(self, left: Node) -> Node:
        if self._is("SYMMETRIC"):
            raise RuleError("Write the smaller number first instead of BETWEEN SYMMETRIC.", self._next[2:])
        low = self._expression(_MATCHED)
        self._expect("AND")
        return self._node("between", left.place[0], left, low, self._expression(_MATCHED))

    def _in(self, left: Node) -> Node:
        """The items are no parts of their own: a list of them is quick to look through."""
        self._expect("(")
        parts, items = self._parts, [self._item()]
        while self._takes(","):
            items.append(self._item())
            self._parts = parts
            if len(items) > MAX_ITEMS:
                raise RuleError(
                    f"IN has more than {MAX_ITEMS} values; put them on a list and ask `in_list(field, 'list')`.",
                    (left.place[0], items[-1].place[1]),
                )
        self._expect(")")
        return self._node("in", left.place[0], left, *items)

    def _item(self) -> Node:
        token = self._next
        is_literal = token.kind in ("number", "text") or self._is("-", "TRUE", "FALSE") or self._is_time()
        if not is_literal:
            raise self._unexpected("a value (IN needs a list of numbers or 'texts')")
        return self._prefixed()

    def _prefixed(self) -> Node:
        token = self._next
        if token.kind == "number":
            return self._node("number", self._take().start, value=self._number(token))
        if token.kind == "text":
            return self._node("text", self._take().start, value=token.text)
        if token.kind == "name":
            return self._named()
        if self._takes("-"):
            return self._negative(token.start)
        if self._takes("NOT"):
            return self._node("not", token.start, self._expression(_NOT))
        return self._keyword()

    def _keyword(self) -> Node:
        token = self._next
        if self._takes("("):
            inner = self._expression(_OR)
            self._expect(")")
            # Its place is with the parentheses, so that a message quotes them in pairs.
            return Node(inner.operation, inner.parts, inner.value, (token.start, self._tokens[self._at - 1].end))
        if self._takes("TRUE", "FALSE"):
            return self._node("truth", token.start, value=token.text == "TRUE")
        if self._takes("NULL"):
            return self._node("null", token.start)
        if self._takes("CASE"):
            return self._case(token.start)
        raise self._unexpected("a field, a number or a 'text'")

    def _negative(self, start: int) -> Node:
        inner = self._expression(_SIGN)
        if inner.operation == "number" and isinstance(inner.value, float):
            return Node("number", (), -inner.value, (start, inner.place[1]))
        return self._node("neg", start, inner)

    def _number(self, token: Token) -> float:
        value = float(token.text)
        if not isfinite(value):
            raise RuleError(f"{quoted(token.text)} is too large a number.", token[2:])
        return value

    def _is_time(self) -> bool:
        is_word = self._next.kind == "name" and self._next.text.upper() in ("TIMESTAMP", "TIMESTAMPTZ")
        return is_word and self._tokens[self._at + 1].kind == "text"

    def _named(self) -> Node:
        if self._is_time():
            start = self._take().start
            return self._node("time", start, value=self._take().text)
        first = self._take()
        if self._text[first.start] != '"' and self._takes("("):
            return self._call(first)
        path = [first.text]
        while self._takes("."):
            if self._next.kind != "name":
                raise self._unexpected("a name")
            path.append(self._take().text)
        return self._node("name", first.start, value=tuple(path))

    def _call(self, name: Token) -> Node:
        arguments: list[Node] = []
        if not self._takes(")"):
            arguments.append(self._expression(_OR))
            while self._takes(","):
                arguments.append(self._expression(_OR))
            self._expect(")")
        return self._node("call", name.start, *arguments, value=name.text.lower())

    def _case(self, start: int) -> Node:
        """Parts: condition, value, condition, value ..., and the value after ELSE where there is one."""
        if not self._is("WHEN"):
            raise self._unexpected("WHEN (write CASE WHEN field = value THEN ...)")
        parts: list[Node] = []
        while self._takes("WHEN"):
            parts.append(self._expression(_OR))
            self._expect("THEN")
            parts.append(self._expression(_OR))
        if self._takes("ELSE"):
            parts.append(self._expression(_OR))
        self._expect("END")
        return self._node("case", start, *parts)
