"""The land of the earth as coarse outlines, cut to a window. Pure.

Source: Natural Earth, 1:110m physical land, version 4.1.0, in the public domain; rounded to a tenth of a degree.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

Point = tuple[float, float]
_FILE = Path(__file__).parent / "data" / "land.txt"


class Window(NamedTuple):
    """Degrees; west may be under -180 and east over 180 where the date line is inside."""

    west: float
    south: float
    east: float
    north: float


@cache
def outlines() -> tuple[tuple[Point, ...], ...]:
    """Rings of (longitude, latitude) in degrees, without the first point again at the end."""
    lines = _FILE.read_text().splitlines()
    return tuple(tuple(_point(pair) for pair in line.split()) for line in lines)


def _point(pair: str) -> Point:
    longitude, latitude = pair.split(",")
    return int(longitude) / 10, int(latitude) / 10


@cache
def _boxes() -> tuple[Window, ...]:
    return tuple(
        Window(min(x for x, _ in ring), min(y for _, y in ring), max(x for x, _ in ring), max(y for _, y in ring))
        for ring in outlines()
    )


def land_in(window: Window) -> list[list[Point]]:
    """Rings of the land inside the window, on both sides of the date line; what is cut follows the border."""
    found = []
    for ring, box in zip(outlines(), _boxes(), strict=True):
        for turn in (-360.0, 0.0, 360.0):
            if _meets(window, box, turn):
                whole = [(x + turn, y) for x, y in ring]
                cut = whole if _holds(window, box, turn) else _cut(whole, window)
                if len(cut) > 2:
                    found.append(cut)
    return found


def _meets(window: Window, box: Window, turn: float) -> bool:
    is_beside = box.west + turn > window.east or box.east + turn < window.west
    return not is_beside and box.south <= window.north and box.north >= window.south


def _holds(window: Window, box: Window, turn: float) -> bool:
    is_between = window.west <= box.west + turn and box.east + turn <= window.east
    return is_between and window.south <= box.south and box.north <= window.north


def _cut(ring: Sequence[Point], window: Window) -> list[Point]:
    """Source: Sutherland and Hodgman, Reentrant polygon clipping (1974): one side of the window after another."""
    for axis, border, sign in ((0, window.west, 1), (0, window.east, -1), (1, window.south, 1), (1, window.north, -1)):
        ring = _cut_side(ring, axis, border, sign)
    return list(ring)


def _cut_side(ring: Sequence[Point], axis: int, border: float, sign: int) -> list[Point]:
    """Keep what is above the border (sign 1) or below it (-1) along the axis."""
    kept: list[Point] = []
    for before, point in zip([*ring[-1:], *ring[:-1]], ring, strict=True):
        is_inside = sign * (point[axis] - border) >= 0
        if is_inside != (sign * (before[axis] - border) >= 0):
            share = (border - before[axis]) / (point[axis] - before[axis])
            crossing = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            kept.append((border, crossing) if axis == 0 else (crossing, border))
        if is_inside:
            kept.append(point)
    return kept
