"""Draws who stands together with a card as three columns of boxes and the lines between them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, log2

from cases.entity import Entity

WIDTH = 820
_MARGIN, _BETWEEN = 4.0, 6.0
_SIGNS = {"fraud": "✕ ", "open": "◐ ", "legitimate": "✓ "}
_LEAST_LINE, _MOST_LINE = 1.2, 7.0
# Left edge, width and height of a box in each column, and how many letters its label has room for.
_COLUMNS = ((_MARGIN, 156.0, 40.0, 14), (252.0, 272.0, 40.0, 28), (602.0, 214.0, 26.0, 14))


@dataclass(frozen=True)
class Node:
    """A box: what it stands for, whose page it leads to, and what is said about it.

    `mark` is this, fraud, legitimate, open, decided, more or empty; `mark_words` says it in a word or two.
    """

    key: str
    column: int
    entity: Entity
    label: str
    facts: str
    title: str
    mark: str = ""
    mark_words: str = ""


@dataclass(frozen=True)
class Edge:
    """A line between the boxes of two keys: so many payments have both."""

    source: str
    target: str
    payments: int
    title: str
    is_fraud: bool = False


@dataclass(frozen=True)
class Box:
    node: Node
    label: str
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def text_x(self) -> float:
        return self.x + 10

    @property
    def text_end(self) -> float:
        return self.right - 10

    @property
    def first_line(self) -> float:
        return self.y + 17

    @property
    def second_line(self) -> float:
        return self.y + 32

    @property
    def only_line(self) -> float:
        return self.middle + 4

    @property
    def sign(self) -> str:
        """Before the words of the mark: shape as well as colour tells."""
        return _SIGNS.get(self.node.mark, "")


@dataclass(frozen=True)
class Line:
    path: str
    width: float
    title: str
    is_fraud: bool
    # Places of its two boxes among all.
    ends: tuple[int, int]


@dataclass(frozen=True)
class Graph:
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    height: float
    width: int = WIDTH


def draw(nodes: Sequence[Node], edges: Sequence[Edge]) -> Graph:
    """Place the nodes column by column: the first two as given, the last beside those it is tied to.

    Edges whose ends are not both among the nodes are left out.
    """
    rows: dict[str, float] = {}
    columns: list[list[Node]] = []
    for column in range(len(_COLUMNS)):
        members = _in_order([node for node in nodes if node.column == column], edges, rows)
        rows.update({node.key: (row + 0.5) / len(members) for row, node in enumerate(members)})
        columns.append(members)
    height = max(_height_of(column, len(members)) for column, members in enumerate(columns))
    boxes = {box.node.key: box for column, members in enumerate(columns) for box in _stack(column, members, height)}
    places = {key: place for place, key in enumerate(boxes)}
    lines = [
        _line(edge, boxes[edge.source], boxes[edge.target], (places[edge.source], places[edge.target]))
        for edge in edges
        if edge.source in boxes and edge.target in boxes
    ]
    # Fraud is drawn last, over the rest.
    return Graph(tuple(boxes.values()), tuple(sorted(lines, key=lambda line: line.is_fraud)), height)


def shortened(text: str, letters: int) -> str:
    """At most so many letters, with the end kept: names of devices and cards differ there."""
    if len(text) <= letters:
        return text
    tail = letters // 3
    return f"{text[: letters - tail - 1]}…{text[-tail:]}"


def _in_order(members: Sequence[Node], edges: Iterable[Edge], rows: dict[str, float]) -> list[Node]:
    """By the mean place of what each is tied to, so that few lines cross; those without ties keep their places."""
    if not rows or members[:1] and members[0].column < len(_COLUMNS) - 1:
        return list(members)
    ties: defaultdict[str, list[float]] = defaultdict(list)
    for edge in edges:
        if edge.source in rows:
            ties[edge.target].append(rows[edge.source])
    # An exact sum: the order of the ties must not tip a draw.
    means = {key: fsum(places) / len(places) for key, places in ties.items()}
    return sorted(members, key=lambda node: (means.get(node.key, 1.0), node.mark == "more", node.key))


def _height_of(column: int, count: int) -> float:
    return 2 * _MARGIN + count * (_COLUMNS[column][2] + _BETWEEN) - (_BETWEEN if count else 0)


def _stack(column: int, members: Sequence[Node], height: float) -> list[Box]:
    x, width, tall, letters = _COLUMNS[column]
    top = (height - _height_of(column, len(members))) / 2 + _MARGIN
    return [
        Box(node, shortened(node.label, letters), x, round(top + row * (tall + _BETWEEN), 1), width, tall)
        for row, node in enumerate(members)
    ]


def _line(edge: Edge, source: Box, target: Box, ends: tuple[int, int]) -> Line:
    bend = (source.right + target.x) / 2
    path = f"M{source.right:g} {source.middle:g}C{bend:g} {source.middle:g} {bend:g} {target.middle:g} "
    path += f"{target.x:g} {target.middle:g}"
    width = min(_MOST_LINE, _LEAST_LINE + log2(max(edge.payments, 1)))
    return Line(path, round(width, 1), edge.title, edge.is_fraud, ends)
