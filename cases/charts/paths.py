"""SVG path data of bars, lines and bands: one path a series, however many days it has."""

from collections.abc import Iterable, Sequence

Point = tuple[float, float]


def bars(boxes: Iterable[tuple[float, float, float, float]]) -> str:
    """Rectangles given as x, y, width, height; those without height are left out."""
    return "".join(f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}z" for x, y, width, height in boxes if height > 0)


def line(points: Sequence[Point | None]) -> str:
    """A line through the points, broken where one is missing; a point alone becomes a short stroke."""
    return "".join(_polyline(run) if len(run) > 1 else _stroke(run[0]) for run in runs(points))


def band(lower: Sequence[Point | None], upper: Sequence[Point | None]) -> str:
    """The area between two lines, missing at the same places; a point alone becomes an upright stroke's box."""
    parts = []
    for low, high in zip(runs(lower), runs(upper), strict=True):
        if len(low) == 1:
            (x, bottom), (_, top) = low[0], high[0]
            parts.append(f"M{x - 2:g} {bottom:g}H{x + 2:g}V{top:g}H{x - 2:g}z")
        else:
            parts.append(f"{_polyline([*low, *reversed(high)])}z")
    return "".join(parts)


def runs(points: Sequence[Point | None]) -> list[list[Point]]:
    """Stretches of points without a gap."""
    found: list[list[Point]] = []
    is_open = False
    for point in points:
        if point is None:
            is_open = False
        elif is_open:
            found[-1].append(point)
        else:
            found.append([point])
            is_open = True
    return found


def _polyline(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _stroke(point: Point) -> str:
    x, y = point
    return f"M{x - 3:g} {y:g}H{x + 3:g}"
