"""Draws where a card paid: places on the land, the ways between them, and what is impossible. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians, sqrt

from cases import words
from cases.land import Point, Window, land_in
from cases.travel import Hop, Stop, hops_of

WIDTH, HEIGHT = 820, 300
_KM_A_DEGREE = 111.2
# The outline is coarse: closer than three degrees it would be a straight line.
_LEAST_DEGREES = 3.0
_MARGIN_DEGREES = 0.18
_TOGETHER = 13.0
_STEPS = (1, 2, 5, 10, 20, 30, 45)
_MAX_SAID = 5


@dataclass(frozen=True)
class Spot:
    """Payments so near each other that the map shows them as one."""

    x: float
    y: float
    radius: float
    kind: str  # alert, fraud, legitimate, plain
    title: str
    count: int
    is_alert: bool

    @property
    def left(self) -> float:
        return round(self.x - self.radius, 1)

    @property
    def top(self) -> float:
        return round(self.y - self.radius, 1)

    @property
    def ring(self) -> float:
        return round(self.radius + 4, 1)

    @property
    def side(self) -> float:
        return round(2 * self.radius, 1)


@dataclass(frozen=True)
class Way:
    x1: float
    y1: float
    x2: float
    y2: float
    title: str
    is_impossible: bool
    # Written beside the way: of the one that led to this case, and of impossible ones.
    note: str = ""

    @property
    def note_x(self) -> float:
        return round(min(max((self.x1 + self.x2) / 2, 90.0), WIDTH - 90.0), 1)

    @property
    def note_y(self) -> float:
        return round(max((self.y1 + self.y2) / 2 - 6, 14.0), 1)


@dataclass(frozen=True)
class Grid:
    """A meridian (x) or a parallel (y)."""

    x: float | None
    y: float | None
    text: str

    @property
    def text_x(self) -> float:
        return round(self.x + 3, 1) if self.x is not None else 4

    @property
    def text_y(self) -> float:
        return round(self.y - 3, 1) if self.y is not None else HEIGHT - 5


@dataclass(frozen=True)
class Map:
    words: str
    land: tuple[str, ...]
    grid: tuple[Grid, ...]
    ways: tuple[Way, ...]
    spots: tuple[Spot, ...]
    scale_km: int
    scale_width: float
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def scale_right(self) -> float:
        return self.width - 12

    @property
    def scale_left(self) -> float:
        return round(self.scale_right - self.scale_width, 1)


@dataclass(frozen=True)
class Places:
    """The map (None without coordinates), payments by country, and each impossible hop in words."""

    map: Map | None
    countries: tuple[str, ...]
    impossible: tuple[str, ...]
    impossible_left_out: int
    without_place: int


def describe(stops: Sequence[Stop]) -> Places:
    """Everything there is to show of where these payments were."""
    hops = hops_of(stops)
    impossible = [hop.said for hop in reversed(hops) if hop.is_impossible]
    placed = [stop for stop in stops if stop.point]
    return Places(
        map=_draw(placed, hops) if placed else None,
        countries=_countries(stops),
        impossible=tuple(impossible[:_MAX_SAID]),
        impossible_left_out=max(0, len(impossible) - _MAX_SAID),
        without_place=len(stops) - len(placed),
    )


def _countries(stops: Sequence[Stop]) -> tuple[str, ...]:
    """`DE 12`, `FR 1 (this case)`: the most frequent first."""
    times = Counter(stop.country for stop in stops if stop.country)
    here = {stop.country for stop in stops if stop.is_alert}
    ranked = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    return tuple(f"{name} {number:,}{' (this case)' if name in here else ''}" for name, number in ranked)


@dataclass(frozen=True)
class _View:
    """Plate carrée around a middle: x shrunk by the middle's latitude, so that distances there are true."""

    window: Window
    scale: float  # pixels a degree of latitude
    shrink: float

    def place(self, point: Point) -> Point:
        longitude = point[0]
        if longitude < self.window.west:
            longitude += 360
        elif longitude > self.window.east:
            longitude -= 360
        return self.of(longitude, point[1])

    def of(self, longitude: float, latitude: float) -> Point:
        x = (longitude - self.window.west) * self.shrink * self.scale
        return round(x, 1), round((self.window.north - latitude) * self.scale, 1)


def _view_of(points: Sequence[Point]) -> _View:
    west, east = _sides([longitude for longitude, _ in points])
    latitudes = [latitude for _, latitude in points]
    south, north = min(latitudes), max(latitudes)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2
    shrink = max(cos(radians(middle_y)), 0.25)
    tall = max((north - south) * (1 + 2 * _MARGIN_DEGREES), _LEAST_DEGREES)
    wide = max((east - west) * (1 + 2 * _MARGIN_DEGREES) * shrink, _LEAST_DEGREES)
    scale = min(HEIGHT / tall, WIDTH / wide)
    half_x, half_y = WIDTH / scale / shrink / 2, HEIGHT / scale / 2
    window = Window(middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y)
    return _View(window, scale, shrink)


def _sides(longitudes: Sequence[float]) -> tuple[float, float]:
    """The narrower way round the earth."""
    west, east = min(longitudes), max(longitudes)
    turned = [longitude + 360 if longitude < 0 else longitude for longitude in longitudes]
    if max(turned) - min(turned) < east - west:
        return min(turned), max(turned)
    return west, east


def _draw(placed: Sequence[Stop], hops: Sequence[Hop]) -> Map:
    view = _view_of([stop.point for stop in placed if stop.point])
    spots, spot_of = _spots(placed, view)
    scale_km, scale_width = _scale(view)
    return Map(
        words=_in_words(placed, hops),
        land=tuple(path for ring in land_in(_beyond(view.window)) if (path := _path(ring, view))),
        grid=_grid(view),
        ways=_ways(hops, spots, spot_of),
        spots=tuple(sorted(spots, key=lambda spot: (spot.is_alert, -spot.radius))),
        scale_km=scale_km,
        scale_width=scale_width,
    )


def _beyond(window: Window) -> Window:
    """A little more than is seen: the borders along which the land is cut stay outside."""
    more = (window.east - window.west) * 0.02
    return Window(window.west - more, window.south - more, window.east + more, window.north + more)


def _path(ring: Sequence[Point], view: _View) -> str:
    """Points less than a pixel and a half from the last are left out; empty where too few are left."""
    kept: list[Point] = []
    for point in ring:
        x, y = view.of(*point)
        if not kept or abs(x - kept[-1][0]) + abs(y - kept[-1][1]) >= 1.5:
            kept.append((x, y))
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in kept) + "Z" if len(kept) > 2 else ""


def _spots(placed: Sequence[Stop], view: _View) -> tuple[list[Spot], dict[int, int]]:
    """The spots, and for each payment (by its identity) which one has it; those of the case are placed first."""
    groups: list[tuple[Point, list[Stop]]] = []
    spot_of: dict[int, int] = {}
    for stop in sorted(placed, key=lambda stop: (not stop.is_alert, stop.occurred_at)):
        x, y = view.place(stop.point or (0.0, 0.0))
        near = (i for i, ((a, b), _) in enumerate(groups) if abs(a - x) < _TOGETHER and abs(b - y) < _TOGETHER)
        index = next(near, len(groups))
        if index == len(groups):
            groups.append(((x, y), []))
        groups[index][1].append(stop)
        spot_of[id(stop)] = index
    return [_spot(point, members) for point, members in groups], spot_of


def _spot(point: Point, members: Sequence[Stop]) -> Spot:
    labels = {stop.label for stop in members}
    is_alert = any(stop.is_alert for stop in members)
    kind = "fraud" if "fraud" in labels else "alert" if is_alert else "legitimate" if "legitimate" in labels else ""
    places = list(dict.fromkeys(stop.named for stop in members))
    last = max(stop.occurred_at for stop in members)
    title = f"{words.count(len(members), 'payment')}: {words.listed(places)}, last {last:%-d %b %H:%M} UTC"
    fraud = sum(1 for stop in members if stop.label == "fraud")
    title += f"{', in this case' if is_alert else ''}{f', {fraud} confirmed fraud' if fraud else ''}"
    radius = round(min(5 + 1.5 * sqrt(len(members)), _TOGETHER), 1)
    return Spot(*point, radius, kind or "plain", title, len(members), is_alert)


def _ways(hops: Sequence[Hop], spots: Sequence[Spot], spot_of: dict[int, int]) -> tuple[Way, ...]:
    """One line for all hops between two spots: the fastest is told. Those that matter are drawn last."""
    fastest: dict[tuple[int, int], Hop] = {}
    for hop in hops:
        ends = sorted((spot_of[id(hop.before)], spot_of[id(hop.after)]))
        key = (ends[0], ends[1])
        if key[0] != key[1] and (key not in fastest or hop.kmh > fastest[key].kmh):
            fastest[key] = hop
    arrived = [hop for hop in fastest.values() if hop.after.is_alert]
    noted = {id(hop) for hop in sorted(arrived, key=lambda hop: -hop.kmh)[:1]}
    noted |= {id(hop) for hop in sorted(fastest.values(), key=lambda hop: -hop.kmh)[:2] if hop.is_impossible}
    ways = []
    for (first, second), hop in fastest.items():
        a, b = spots[first], spots[second]
        note = hop.short if id(hop) in noted else ""
        ways.append(Way(a.x, a.y, b.x, b.y, hop.said, hop.is_impossible, note))
    return tuple(sorted(ways, key=lambda way: (way.is_impossible, bool(way.note))))


def _grid(view: _View) -> tuple[Grid, ...]:
    """Meridians and parallels, as many as leave room for their numbers."""
    window = view.window
    step = next((step for step in _STEPS if step * view.scale * view.shrink >= 90), _STEPS[-1])
    lines = []
    for number in range(floor(window.west / step) + 1, floor(window.east / step) + 1):
        x, _ = view.of(number * step, 0)
        lines.append(Grid(x, None, _degrees(((number * step + 180) % 360) - 180, "EW")))
    for number in range(floor(window.south / step) + 1, floor(window.north / step) + 1):
        if abs(number * step) <= 90:
            lines.append(Grid(None, view.of(0, number * step)[1], _degrees(number * step, "NS")))
    return tuple(lines)


def _degrees(value: int, letters: str) -> str:
    return f"{abs(value)}° {letters[0] if value > 0 else letters[1]}" if value else "0°"


def _scale(view: _View) -> tuple[int, float]:
    """A round number of kilometres that is at most 120 pixels, and how many it is."""
    most = 120 / view.scale * _KM_A_DEGREE
    power = 10 ** floor(log10(most))
    km = next(factor * power for factor in (5, 2, 1) if factor * power <= most)
    return int(km), round(km / _KM_A_DEGREE * view.scale, 1)


def _in_words(placed: Sequence[Stop], hops: Sequence[Hop]) -> str:
    said = f"{words.count(len(placed), 'payment')} with a place"
    if not hops:
        return f"{said}, all at one"
    farthest = max(hops, key=lambda hop: hop.km)
    said += f"; the farthest step {farthest.short}"
    impossible = sum(1 for hop in hops if hop.is_impossible)
    return f"{said}; {words.count(impossible, 'step')} faster than an airliner" if impossible else said
