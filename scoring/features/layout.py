"""Where each part of an entity's state lies in its row of float64, derived from the feature table.

A row is: header, one ring of tiles per hop, decayed totals, habit, seen sets. All of one entity kind have one width.
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import DAY, FEATURES, HABIT_SIZE, SEEN_SIZES, Feature, Op, hop_of

# Header. WRITES counts stores of the row: the compare-and-set of the live store looks at it.
WRITES, FIRST_AT, LAST_AT, FRAUD_AT, LATITUDE, LONGITUDE, PLACED_AT, STREAK, HEADER = range(9)
# A tile: its number (time // hop), payments, their amount, frauds that became known.
EPOCH, COUNT, AMOUNT, FRAUDS, TILE = range(5)
# A decayed total: the totals and the time they stand for.
DECAY_COUNT, DECAY_AMOUNT, DECAY_FRAUDS, DECAY_AT, DECAY = range(5)
# A seen slot: hash of what was seen, when last.
SEEN_HASH, SEEN_AT, SEEN = range(3)

KINDS = ("card", "merchant", "device")
WINDOWED = {Op.COUNT, Op.SUM, Op.MEAN, Op.FRAUDS, Op.FRAUD_RATE, Op.RATIO_TO_WINDOW_MEAN}
DECAYED = {Op.DECAYED_COUNT, Op.DECAYED_AMOUNT, Op.DECAYED_FRAUDS}
SEEING = {Op.IS_NEW, Op.DISTINCT}
HABITUAL = {Op.HABIT_RATIO, Op.HABIT_DEVIATION, Op.HABIT_MEDIAN_RATIO, Op.HABIT_MAX_RATIO}
HASHED = ("merchant", "device", "country", "card")


@dataclass
class Layout:
    """Offsets of one entity kind, in float64 cells."""

    width: int = HEADER
    rings: dict[tuple[int, bool], tuple[int, int]] = field(default_factory=dict)  # (hop, by arrival) -> start, tiles
    decays: dict[int, int] = field(default_factory=dict)  # half-life -> start
    habit: int = -1
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # of -> start, slots


@dataclass(frozen=True)
class Program:
    """The table as numbers for the kernel.

    windows: int64 (n, 6) entity, start, tiles of the ring, hop, tiles of the window, by arrival.
    rings: int64 (n, 5) entity, start, tiles, hop, by arrival. decays: int64 (n, 3) entity, start, half-life.
    seens: int64 (n, 4) entity, start, slots, index in HASHED. features: int64 (n, 5) op, entity (-1 the payment
    itself), a, b, window.
    """

    windows: NDArray[np.int64]
    rings: NDArray[np.int64]
    decays: NDArray[np.int64]
    seens: NDArray[np.int64]
    features: NDArray[np.int64]
    habit: int
    widths: tuple[int, ...]


def _layout_of(kind: str) -> Layout:
    layout = Layout()
    rows = [feature for feature in FEATURES if feature.entity == kind]
    for ring, tiles in _ring_sizes(rows).items():
        layout.rings[ring] = (_take(layout, tiles * TILE), tiles)
    for half_life in dict.fromkeys(feature.window for feature in rows if feature.op in DECAYED):
        layout.decays[half_life] = _take(layout, DECAY)
    for of in dict.fromkeys(feature.of for feature in rows if feature.op in SEEING):
        slots = SEEN_SIZES[kind, of]
        layout.seen[of] = (_take(layout, slots * SEEN), slots)
    if any(feature.op in HABITUAL for feature in rows):
        layout.habit = _take(layout, 1 + HABIT_SIZE)
    return layout


def _ring_sizes(rows: list[Feature]) -> dict[tuple[int, bool], int]:
    """Tiles each ring needs for its longest window, by (hop, by arrival)."""
    sizes: dict[tuple[int, bool], int] = {}
    for feature in rows:
        if feature.op in WINDOWED:
            ring = (hop_of(feature.window), feature.by_arrival)
            sizes[ring] = max(feature.window // ring[0] + 1, sizes.get(ring, 0))
    return sizes


def _take(layout: Layout, cells: int) -> int:
    start = layout.width
    layout.width += cells
    return start


@cache
def layouts() -> dict[str, Layout]:
    return {kind: _layout_of(kind) for kind in KINDS}


@cache
def program() -> Program:
    windows: list[tuple[int, ...]] = []
    features = []
    for feature in FEATURES:
        kind = KINDS.index(feature.entity) if feature.entity in KINDS else -1
        a, b = _operands(feature, kind, windows)
        features.append((int(feature.op), kind, a, b, feature.window or 365 * DAY))
    return Program(
        windows=np.array(windows, np.int64),
        rings=np.array(
            [
                (kind, start, tiles, hop, by_arrival)
                for kind, name in enumerate(KINDS)
                for (hop, by_arrival), (start, tiles) in layouts()[name].rings.items()
            ],
            np.int64,
        ),
        decays=np.array(
            [
                (kind, start, half_life)
                for kind, name in enumerate(KINDS)
                for half_life, start in layouts()[name].decays.items()
            ],
            np.int64,
        ),
        seens=np.array(
            [
                (kind, start, slots, HASHED.index(of))
                for kind, name in enumerate(KINDS)
                for of, (start, slots) in layouts()[name].seen.items()
            ],
            np.int64,
        ),
        features=np.array(features, np.int64),
        habit=layouts()["card"].habit,
        widths=tuple(layouts()[name].width for name in KINDS),
    )


def _operands(feature: Feature, kind: int, windows: list[tuple[int, ...]]) -> tuple[int, int]:
    """Offsets a row needs: the index of its window, the start of its decayed total or of its seen set."""
    if kind < 0:
        return 0, 0
    layout = layouts()[feature.entity]
    if feature.op in WINDOWED:
        hop = hop_of(feature.window)
        start, tiles = layout.rings[hop, feature.by_arrival]
        window = (kind, start, tiles, hop, feature.window // hop + 1, int(feature.by_arrival))
        if window not in windows:
            windows.append(window)
        return windows.index(window), 0
    if feature.op in DECAYED:
        return layout.decays[feature.window], 0
    if feature.op in SEEING:
        start, slots = layout.seen[feature.of]
        return start, slots * 8 + HASHED.index(feature.of)
    return 0, 0
