"""Of which kind each part of a condition is.

The kind of what the sender gave beside the fields (`extra.x`) follows from what it meets; every other part has one of
its own.
"""

from collections.abc import Sequence

from scoring.rules.errors import RuleError, nearest, quoted
from scoring.rules.fields import EXTRA, FIELDS, Kind
from scoring.rules.functions import ALIASES, CASTS, CHOICES, FUNCTIONS, NAMES
from scoring.rules.parsing import Node


def chosen(case: Node) -> tuple[Node, ...]:
    """The values of a CASE: those after THEN, then the one after ELSE."""
    pairs = len(case.parts) // 2 * 2
    return (*case.parts[1:pairs:2], *case.parts[pairs:])


def is_extra(node: Node) -> bool:
    """Whether it names what the sender gave beside the fields."""
    return node.operation == "name" and isinstance(node.value, tuple) and node.value[0] == EXTRA


class Kinds:
    """Of the parts of one condition; its text is quoted in what is wrong with them."""

    def __init__(self, text: str) -> None:
        self._text = text

    def written(self, node: Node) -> str:
        """The piece of text that a part was."""
        return self._text[slice(*node.place)]

    def quote(self, node: Node) -> str:
        return quoted(self.written(node))

    def of(self, node: Node) -> Kind | None:
        """The kind that a part has by itself; None where it follows from what it meets.

        Raises:
            RuleError: there is no such field or function.
        """
        match node.operation:
            case "number" | "text" | "time" | "truth" as kind:
                return kind
            case "name":
                return None if is_extra(node) else FIELDS[self.field(node)].kind
            case "call":
                return self._of_call(node)
            case "case":
                return self.common(chosen(node))
            case "neg" | "+" | "-" | "*" | "/" | "%":
                return "number"
            case "null":
                raise RuleError("NULL is not allowed here; ask `IS NULL` or `IS NOT NULL`.", node.place)
            case _:
                return "truth"

    def _of_call(self, node: Node) -> Kind | None:
        name = self.function(node)
        if name in FUNCTIONS:
            return FUNCTIONS[name].gives
        return self.common(node.parts) if name in CHOICES else CASTS.get(name, "truth")

    def common(self, nodes: Sequence[Node]) -> Kind | None:
        """The kind of the first that is certain. A written text may stand for a time."""
        kinds = [(node.operation == "text", kind) for node in nodes if (kind := self.of(node))]
        return min(kinds, key=lambda found: found[0])[1] if kinds else None

    def known(self, nodes: Sequence[Node], whole: Node) -> Kind:
        """The same of parts that meet each other in `whole`.

        Raises:
            RuleError: none of them is certain.
        """
        kind = self.common(nodes)
        if kind is None:
            name = self.written(nodes[0])
            raise RuleError(
                f"{self.quote(whole)}: of which kind `{name}` is cannot be known here; "
                f"write number({name}), text({name}), time({name}) or truth({name}).",
                whole.place,
            )
        return kind

    def check_alike(self, nodes: Sequence[Node], kind: Kind, whole: Node) -> None:
        """Raises: RuleError: one of them is of another kind."""
        for node in nodes:
            other = self.of(node)
            if other in (kind, None) or (kind == "time" and node.operation == "text"):
                continue
            if whole.operation == "in":
                raise RuleError(f"{self.quote(whole)}: IN needs a list of values, each a {kind}.", node.place)
            raise RuleError(f"{self.quote(whole)} compares a {kind} with a {other}.", node.place)

    def function(self, node: Node) -> str:
        """The name of a function that there is."""
        name = ALIASES.get(str(node.value), str(node.value))
        if name not in NAMES:
            raise RuleError(f"There is no function {quoted(name)}.{nearest(name, NAMES)}", node.place)
        return name

    def field(self, node: Node) -> str:
        """The name of a field that there is."""
        path = node.value
        if isinstance(path, tuple) and len(path) == 1 and path[0] in FIELDS:
            return path[0]
        name = self.written(node).strip('"()')
        raise RuleError(f"There is no field {quoted(name)}.{nearest(name, (*FIELDS, EXTRA))}", node.place)
