"""Where each part of an entity's state lies in its row of bytes, derived from the feature table.

A row is: parts of 8 bytes, then those of 4, then those of 1, filled up to a multiple of 8. It has only what the table
asks of its kind of entity; all rows of a kind have one width. Rows of a batch lie one after the other in one piece of
memory, of which the kernel has a view for each size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, HABIT_SIZE, SEEN_SIZES, Feature, Op, hop_of

Kind = Literal["card", "customer", "merchant", "device", "ip"]
KINDS: tuple[Kind, ...] = ("card", "customer", "merchant", "device", "ip")
HASHED = ("merchant", "device", "country", "card")

COUNTING = {Op.COUNT, Op.MEAN, Op.FRAUD_RATE, Op.RATIO_TO_WINDOW_MEAN}
SUMMING = {Op.SUM, Op.MEAN, Op.RATIO_TO_WINDOW_MEAN, Op.RATIO_TO_DAILY_SUM}
DATING = {Op.SINCE_FIRST_FRAUD, Op.FRAUD_DAYS}
LEARNING = {Op.FRAUDS, Op.FRAUD_RATE} | DATING
WINDOWED = COUNTING | SUMMING | LEARNING
DECAYED_LABELS = {Op.DECAYED_FRAUDS, Op.DECAYED_FRAUD_AMOUNT}
DECAYED = {Op.DECAYED_COUNT, Op.DECAYED_AMOUNT, Op.DECAYED_HIGH} | DECAYED_LABELS
RECENT = {Op.SINCE_LAST, Op.AGE, Op.SINCE_FRAUD}
SEEING = {Op.IS_NEW, Op.DISTINCT}
HABITUAL = {
    Op.HABIT_RATIO,
    Op.HABIT_DEVIATION,
    Op.HABIT_MEDIAN_RATIO,
    Op.HABIT_MAX_RATIO,
    Op.HABIT_HOUR_SHARE,
    Op.HABIT_WEEKEND_SHARE,
    Op.DECAYED_DEVIATION,
    Op.DECAYED_HIGH,
}
PLACED = {Op.KM, Op.KMH}
STREAKS = {Op.SMALL_STREAK, Op.DECLINE_STREAK}
# They follow the order in which payments are applied, which only a card's have: others' come from several partitions.
ORDERED = HABITUAL | PLACED | STREAKS
# What a confirmed fraud changes.
OF_LABELS = LEARNING | DECAYED_LABELS | {Op.SINCE_FRAUD}


class Part(NamedTuple):
    """Cells of one kind in a row; `start` in cells of this size from the row's first byte."""

    dtype: "np.dtype[np.generic]"
    start: int
    cells: int


_FLOAT: "np.dtype[np.generic]" = np.dtype(np.float64)
_INT: "np.dtype[np.generic]" = np.dtype(np.int32)
_OCTET: "np.dtype[np.generic]" = np.dtype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """Parts of a row by name, "writes" (how often it was stored) always first. width: bytes."""

    parts: dict[str, Part]
    width: int

    def start(self, name: str) -> int:
        """-1 when a row of this kind has no such part."""
        return self.parts[name].start if name in self.parts else -1


def _ring(feature: Feature) -> str:
    return f"{'arrivals' if feature.by_arrival else 'tiles'}_{hop_of(feature.window)}"


def _decay(feature: Feature) -> str:
    counted = "frauds_" if feature.op in DECAYED_LABELS else "high_" if feature.op == Op.DECAYED_HIGH else ""
    return f"decayed_{counted}{feature.window}"


# Entity, seconds, lag, by arrival.
Window = tuple[str, int, int, bool]
Wanted = Iterator[tuple[str, "np.dtype[np.generic]", int]]


def _wanted(feature: Feature, tiles: int) -> Wanted:
    """Parts that a row of the table needs: name, type, cells. tiles: of its ring."""
    op = feature.op
    if op in WINDOWED:
        yield from _wanted_ring(feature, tiles)
    elif op in DECAYED:
        yield f"{_decay(feature)}_at", _FLOAT, 1
        if op != Op.DECAYED_AMOUNT:
            yield f"{_decay(feature)}_counts", _FLOAT, 1
        if op in {Op.DECAYED_AMOUNT, Op.DECAYED_FRAUD_AMOUNT}:
            yield f"{_decay(feature)}_amounts", _FLOAT, 1
    elif op in RECENT:
        # Whole seconds for labels, which entities share; a payment's time as exact as it came.
        yield op.name.lower(), _INT if op == Op.SINCE_FRAUD else _FLOAT, 1
    elif op in SEEING:
        slots = SEEN_SIZES[feature.entity, feature.of]
        yield from ((f"{feature.of}_hash", _INT, slots), (f"{feature.of}_at", _INT, slots))
    if op in ORDERED:
        yield from _wanted_ordered(op)


def _wanted_ring(feature: Feature, tiles: int) -> Wanted:
    yield f"{_ring(feature)}_head", _INT, 1
    for ops, name, dtype in ((COUNTING, "counts", _INT), (SUMMING, "amounts", _FLOAT), (LEARNING, "frauds", _INT)):
        if feature.op in ops:
            yield f"{_ring(feature)}_{name}", dtype, tiles


def _wanted_ordered(op: Op) -> Wanted:
    if op in STREAKS:
        yield op.name.lower(), _INT, 1
    if op in PLACED:
        yield "place", _FLOAT, 3
    if op == Op.DECAYED_DEVIATION:
        yield "deviation", _FLOAT, 2
    if op in HABITUAL:
        yield from (
            ("habit_count", _INT, 1),
            ("habit_amounts", _FLOAT, HABIT_SIZE),
            ("habit_hours", _OCTET, HABIT_SIZE),
        )


def _reach(feature: Feature) -> int:
    """Tiles from the one of a payment back to the oldest that its value is read from."""
    return (feature.window + feature.lag) // hop_of(feature.window) + 1


def _layout_of(kind: Kind) -> Layout:
    rows = [feature for feature in FEATURES if feature.entity == kind]
    tiles: dict[str, int] = {}
    for feature in rows:
        if feature.op in WINDOWED:
            tiles[_ring(feature)] = max(_reach(feature), tiles.get(_ring(feature), 0))
    wanted: dict[str, tuple[np.dtype[np.generic], int]] = {"writes": (_FLOAT, 1)}
    for feature in rows:
        own = _wanted(feature, tiles.get(_ring(feature), 0))
        wanted.update({name: (dtype, cells) for name, dtype, cells in own})
    parts: dict[str, Part] = {}
    octets = 0
    for dtype in (_FLOAT, _INT, _OCTET):
        for name, (size, cells) in wanted.items():
            if size == dtype:
                parts[name] = Part(dtype, octets // dtype.itemsize, cells)
                octets += cells * dtype.itemsize
    return Layout(parts, -(-octets // 8) * 8)


@cache
def layouts() -> dict[Kind, Layout]:
    return {kind: _layout_of(kind) for kind in KINDS}


# Rows of a batch's numbers.
(
    TIME, ARRIVAL, VALUE, EVENT_LATITUDE, EVENT_LONGITUDE, IS_REMOTE, IS_CROSS_BORDER, IS_DECLINED, IS_LABEL, NUMBERS,
) = range(10)  # fmt: skip
# Columns of `Program.windows`, and but for the last three of `Program.rings`; a start is -1 where none is wanted.
KIND, HEAD, COUNTS, AMOUNTS, FRAUDS, TILES, CLOCK, SPAN, DATED, LAG = range(10)
# What a decayed total is of: the last column of `Program.decays`.
OF_ALL, OF_FRAUDS, OF_HIGH = range(3)
# Columns of `Program.features`.
OP, OF, A, B, SLOTS, HASH, WINDOW = range(7)
# `Program.card`: where the ordered parts of a card begin, and the half-life of its deviations.
(
    C_SMALL_STREAK, C_DECLINE_STREAK, C_PLACE, C_HABIT_COUNT, C_HABIT_AMOUNTS, C_HABIT_HOURS, C_DEVIATION, C_HALF_LIFE,
) = range(8)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """The table as numbers for the kernel: int64, starts in cells of the part's size.

    clocks: (n, 2) hop in seconds, by arrival: the steps in which rings count time. windows: (n, 10) kind, starts of the
    ring's head, counts, amounts, frauds, tiles of the ring, index of its clock, tiles of the window, whether a row asks
    when the frauds were, how many tiles before the frauds the payments lie. rings: (n, 7) the same. decays: (n, 6)
    kind, half-life, starts of time, counts, amounts, what is counted (OF_ALL, OF_FRAUDS, OF_HIGH). recents: (n, 3)
    kind, op, start. seens: (n, 5) kind, starts of hashes and times, slots, index in HASHED. features: (n, 7) op, kind
    (-1 the payment itself), index of the window or start, second start, slots, index in HASHED, window. card: where its
    ordered parts begin. widths: bytes of a row. learns: whether a label changes the kind.
    """

    clocks: NDArray[np.int64]
    windows: NDArray[np.int64]
    rings: NDArray[np.int64]
    decays: NDArray[np.int64]
    recents: NDArray[np.int64]
    seens: NDArray[np.int64]
    features: NDArray[np.int64]
    card: NDArray[np.int64]
    widths: tuple[int, ...]
    learns: tuple[bool, ...]


@cache
def program() -> Program:
    windows = _windows()
    rows = [(KINDS.index(row.entity), row) for row in FEATURES if row.entity != "payment"]
    return Program(
        clocks=np.array(_clocks(), np.int64),
        windows=np.array(list(windows.values()), np.int64),
        rings=_table(_ring_row(kind, row) for kind, row in rows if row.op in WINDOWED),
        decays=_table(_decay_row(kind, row) for kind, row in rows if row.op in DECAYED),
        recents=_table((kind, int(row.op), _start(row, row.op.name.lower())) for kind, row in rows if row.op in RECENT),
        seens=_table((kind, *_seen_row(row)) for kind, row in rows if row.op in SEEING),
        features=np.array([_feature_row(row, list(windows)) for row in FEATURES], np.int64),
        card=np.array(_card_row(), np.int64),
        widths=tuple(layouts()[kind].width for kind in KINDS),
        learns=tuple(any(row.op in OF_LABELS for row in FEATURES if row.entity == kind) for kind in KINDS),
    )


def _table(rows: Iterable[tuple[int, ...]]) -> NDArray[np.int64]:
    """Rows of the table that share a part need it once."""
    return np.array(list(dict.fromkeys(rows)), np.int64)


def _start(feature: Feature, part: str) -> int:
    assert feature.entity != "payment"
    return layouts()[feature.entity].start(part)


def _ring_row(kind: int, feature: Feature) -> tuple[int, ...]:
    assert feature.entity != "payment"
    ring = _ring(feature)
    starts = [_start(feature, f"{ring}_{column}") for column in ("head", "counts", "amounts", "frauds")]
    tiles = max(
        layouts()[feature.entity].parts[f"{ring}_{column}"].cells
        for column in ("counts", "amounts", "frauds") if f"{ring}_{column}" in layouts()[feature.entity].parts
    )  # fmt: skip
    return kind, *starts, tiles, _clocks().index(_clock(feature))


def _clock(feature: Feature) -> tuple[int, bool]:
    return hop_of(feature.window), feature.by_arrival


def _clocks() -> list[tuple[int, bool]]:
    return list(dict.fromkeys(_clock(feature) for feature in FEATURES if feature.op in WINDOWED))


def _window(feature: Feature) -> Window:
    return feature.entity, feature.window, feature.lag, feature.by_arrival


def _windows() -> dict[Window, tuple[int, ...]]:
    """Each window that rows of the table share, with those columns of its ring that one of them asks for."""
    found: dict[Window, tuple[int, ...]] = {}
    for feature in FEATURES:
        if feature.op in WINDOWED and feature.entity != "payment":
            ops = {row.op for row in FEATURES if row.op in WINDOWED and _window(row) == _window(feature)}
            row = list(_ring_row(KINDS.index(feature.entity), feature))
            for column, wanted in ((COUNTS, COUNTING), (AMOUNTS, SUMMING), (FRAUDS, LEARNING)):
                row[column] = row[column] if ops & wanted else -1
            hop = hop_of(feature.window)
            found[_window(feature)] = (*row, feature.window // hop + 1, int(bool(ops & DATING)), feature.lag // hop)
    return found


def _decay_row(kind: int, feature: Feature) -> tuple[int, ...]:
    decay = _decay(feature)
    starts = [_start(feature, f"{decay}_{part}") for part in ("at", "counts", "amounts")]
    of = OF_FRAUDS if feature.op in DECAYED_LABELS else OF_HIGH if feature.op == Op.DECAYED_HIGH else OF_ALL
    return kind, feature.window, *starts, of


def _seen_row(feature: Feature) -> tuple[int, ...]:
    starts = [_start(feature, f"{feature.of}_{part}") for part in ("hash", "at")]
    return *starts, SEEN_SIZES[feature.entity, feature.of], HASHED.index(feature.of)


def _card_row() -> list[int]:
    names = ("small_streak", "decline_streak", "place", "habit_count", "habit_amounts", "habit_hours", "deviation")
    half_life = next(feature.window for feature in FEATURES if feature.op == Op.DECAYED_DEVIATION)
    return [*(layouts()["card"].start(name) for name in names), half_life]


def _feature_row(feature: Feature, windows: list[Window]) -> tuple[int, ...]:
    kind = -1 if feature.entity == "payment" else KINDS.index(feature.entity)
    operands: tuple[int, ...] = (0, 0, 0, 0)
    if feature.op in WINDOWED:
        operands = (windows.index(_window(feature)), 0, 0, 0)
    elif feature.op in DECAYED:
        total, beside = "counts", "at"
        if feature.op in {Op.DECAYED_AMOUNT, Op.DECAYED_FRAUD_AMOUNT}:
            total, beside = "amounts", "counts" if feature.op == Op.DECAYED_FRAUD_AMOUNT else "at"
        operands = (_start(feature, f"{_decay(feature)}_{total}"), _start(feature, f"{_decay(feature)}_{beside}"), 0, 0)
    elif feature.op in RECENT:
        operands = (_start(feature, feature.op.name.lower()), 0, 0, 0)
    elif feature.op in SEEING:
        operands = _seen_row(feature)
    return int(feature.op), kind, *operands, feature.window
