"""A chart over time: bars from zero up and down, lines with intervals, marks, and the same numbers as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from cases.charts import paths
from cases.charts.scale import Scale, nice_ticks

WIDTH, HEIGHT = 600, 208
_LEFT, _RIGHT, _TOP, _FLOOR = 46, 492, 22, 184
_GAP = 0.24
_LINE_OF_TEXT = 14
_MOST_TICKS = 7

Values = Sequence[float | None]


@dataclass(frozen=True)
class Series:
    """One kind of number over the columns; None where there is none. `css` names it in the stylesheet."""

    title: str
    css: str
    values: Values
    is_line: bool = False
    is_below: bool = False
    lower: Values = ()
    upper: Values = ()


@dataclass(frozen=True)
class Picture:
    """What is to be drawn: a name for each column, series, and how an axis writes its numbers.

    `marks` are column -> words; from column `shaded_from` on numbers may still grow. By hour the names begin with
    midnight, else the last column has one. is_signed: lines go below zero, and the axis says so.
    """

    name: str
    title: str
    words: str
    columns: Sequence[str]
    series: Sequence[Series]
    on_axis: Callable[[float], str]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    ticks: Sequence[str] = ()
    is_by_hour: bool = False
    marks: Sequence[tuple[int, str]] = ()
    shaded_from: int | None = None
    most: float | None = None
    least_step: float = 0.0
    is_signed: bool = False


@dataclass(frozen=True)
class Text:
    x: float
    y: float
    text: str
    css: str = ""
    anchor: str = "start"


@dataclass(frozen=True)
class Shape:
    css: str
    path: str


@dataclass(frozen=True)
class Chart:
    """Numbers for the template."""

    picture: Picture
    shapes: tuple[Shape, ...]
    labels: tuple[Text, ...]
    y_ticks: tuple[Text, ...]
    x_ticks: tuple[Text, ...]
    marks: tuple[Text, ...]
    zero: float
    step: float
    shade_x: float | None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    top: int = _TOP
    floor: int = _FLOOR

    @property
    def shade_width(self) -> float:
        return 0.0 if self.shade_x is None else round(self.right - self.shade_x, 1)

    @property
    def span(self) -> int:
        return self.floor - self.top


def draw(picture: Picture) -> Chart:
    """Place a picture's columns from left to right; at least one."""
    step = (_RIGHT - _LEFT) / len(picture.columns)
    ticks = _ticks(picture)
    y = Scale(ticks[0], ticks[-1], _FLOOR, _TOP)
    return Chart(
        picture=picture,
        shapes=(*_bars(picture, y, step), *_lines(picture, y, step)),
        labels=_labels(picture, y),
        y_ticks=tuple(Text(_LEFT - 6, y(tick), _axis_text(picture, tick), anchor="end") for tick in ticks),
        x_ticks=_x_ticks(picture, step),
        marks=_marks(picture, step),
        zero=y(0),
        step=round(step, 4),
        shade_x=None if picture.shaded_from is None else round(_LEFT + picture.shaded_from * step, 1),
    )


def _ticks(picture: Picture) -> list[float]:
    high = max(_sums(picture, is_below=False), default=0.0)
    low = -max(_sums(picture, is_below=True), default=0.0)
    for series in picture.series:
        if series.is_line:
            high = max([high, *(value for value in (*series.values, *series.upper) if value is not None)])
            low = min([low, *(value for value in (*series.values, *series.lower) if value is not None)])
    ticks = nice_ticks(low, high, least_step=picture.least_step)
    return ticks if picture.most is None else [tick for tick in ticks if tick <= picture.most + 1e-9]


def _axis_text(picture: Picture, tick: float) -> str:
    """Bars below zero are counts of another kind; only a signed axis tells them from those above."""
    return picture.on_axis(tick if picture.is_signed else abs(tick))


def _stacked(picture: Picture, *, is_below: bool) -> list[Series]:
    return [series for series in picture.series if not series.is_line and series.is_below == is_below]


def _sums(picture: Picture, *, is_below: bool) -> list[float]:
    """Height of each column's stack."""
    stacked = _stacked(picture, is_below=is_below)
    return [sum(series.values[i] or 0.0 for series in stacked) for i in range(len(picture.columns))] if stacked else []


def _bars(picture: Picture, y: Scale, step: float) -> list[Shape]:
    shapes = []
    for is_below in (False, True):
        stacked, sign = _stacked(picture, is_below=is_below), -1 if is_below else 1
        columns = [list(accumulate((s.values[i] or 0.0 for s in stacked), initial=0.0)) for i in range(_count(picture))]
        for number, series in enumerate(stacked):
            ends = [sorted((y(sign * column[number]), y(sign * column[number + 1]))) for column in columns]
            boxes = (
                (round(_LEFT + (i + _GAP / 2) * step, 1), top, round(step * (1 - _GAP), 1), round(bottom - top, 1))
                for i, (top, bottom) in enumerate(ends)
            )
            shapes.append(Shape(f"bar {series.css}", paths.bars(boxes)))
    return shapes


def _count(picture: Picture) -> int:
    return len(picture.columns)


def _lines(picture: Picture, y: Scale, step: float) -> list[Shape]:
    shapes = []
    for series in picture.series:
        if series.is_line:
            if series.upper:
                band = paths.band(_points(series.lower, y, step), _points(series.upper, y, step))
                shapes.append(Shape(f"band-of {series.css}", band))
            shapes.append(Shape(f"line {series.css}", paths.line(_points(series.values, y, step))))
    return shapes


def _points(values: Values, y: Scale, step: float) -> list[paths.Point | None]:
    return [None if value is None else (_middle(i, step), y(value)) for i, value in enumerate(values)]


def _middle(column: int, step: float) -> float:
    return round(_LEFT + (column + 0.5) * step, 1)


def _labels(picture: Picture, y: Scale) -> tuple[Text, ...]:
    """The name of each series on the right, beside where it ends, a line of text apart."""
    wanted = sorted((_label_y(series, picture, y), series.title, series.css) for series in picture.series)
    placed: list[Text] = []
    for at, title, css in wanted:
        lowest = placed[-1].y + _LINE_OF_TEXT if placed else float(_TOP)
        placed.append(Text(_RIGHT + 8, round(max(at, lowest), 1), title, css))
    over = placed[-1].y - _FLOOR if placed else 0.0
    if over > 0:
        placed = [Text(one.x, round(one.y - over, 1), one.text, one.css) for one in placed]
    return tuple(placed)


def _label_y(series: Series, picture: Picture, y: Scale) -> float:
    if series.is_line:
        return y(next((value for value in reversed(series.values) if value is not None), 0.0)) + 4
    if series.is_below:
        return y(0) + _LINE_OF_TEXT
    # The uppermost of the stack is named first.
    beside = _stacked(picture, is_below=False)
    return y(0) - 4 - _LINE_OF_TEXT * beside.index(series)


def _x_ticks(picture: Picture, step: float) -> tuple[Text, ...]:
    """Names under every n-th column."""
    names = picture.ticks or picture.columns
    every = -(-len(names) // _MOST_TICKS)
    if picture.is_by_hour:
        # 24 hours by four, 48 by eight: midnight has a name.
        every += -every % 4
    first = 0 if picture.is_by_hour else (len(names) - 1) % every
    return tuple(
        Text(_middle(i, step), _FLOOR + 20, names[i], anchor="middle") for i in range(first, len(names), every)
    )


def _marks(picture: Picture, step: float) -> tuple[Text, ...]:
    """An upright line where each mark's column begins; words on the side that has room."""
    placed = []
    for column, text in picture.marks:
        x = round(_LEFT + column * step, 1)
        placed.append(Text(x, _TOP - 8, text, anchor="end" if x > (_LEFT + _RIGHT) / 2 else "start"))
    return tuple(placed)
