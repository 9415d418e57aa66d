"""The kernel: applies payments and labels to entity states in order, giving each payment's vector as of before it.

One loop serves the live store and the offline engine, so they cannot disagree. Semantics: `docs/features.md`.
A late payment reads and writes the tile it belongs to while that tile is kept; where a tile also holds payments
after it, the tile counts whole (its inner order is not kept).
"""

import math
from pathlib import Path
from typing import Any
from zlib import crc32

import numba
import numpy as np

from scoring.features.definitions import DAY, HABIT_SIZE, HOUR, SMALL_AMOUNT, Op
from scoring.features.layout import (
    AMOUNT,
    COUNT,
    DECAY_AMOUNT,
    DECAY_AT,
    DECAY_COUNT,
    DECAY_FRAUDS,
    EPOCH,
    FIRST_AT,
    FRAUD_AT,
    FRAUDS,
    LAST_AT,
    LATITUDE,
    LONGITUDE,
    PLACED_AT,
    SEEN,
    SEEN_AT,
    SEEN_HASH,
    STREAK,
    TILE,
)


def _compiler() -> Any:
    """`njit`, keeping compiled code where NUMBA_CACHE_DIR names a folder, under the table it was compiled for.

    numba looks at the age of this file only: with the constants of another module changed it would run stale code.
    """
    config: Any = numba.config
    if not config.CACHE_DIR:
        return numba.njit
    tables = b"".join(Path(__file__).with_name(name).read_bytes() for name in ("definitions.py", "layout.py"))
    config.CACHE_DIR = str(Path(config.CACHE_DIR) / f"{crc32(tables):08x}")
    return numba.njit(cache=True)


_compiled = _compiler()

# Columns of an event's numbers.
TIME, ARRIVAL, VALUE, EVENT_LATITUDE, EVENT_LONGITUDE, IS_REMOTE, IS_CROSS_BORDER, IS_LABEL, EVENT = range(9)

_OP_AMOUNT, _OP_HOUR, _OP_WEEKEND = int(Op.AMOUNT), int(Op.HOUR), int(Op.WEEKEND)
_OP_REMOTE, _OP_CROSS_BORDER = int(Op.REMOTE), int(Op.CROSS_BORDER)
_OP_COUNT, _OP_SUM, _OP_MEAN, _OP_FRAUDS = int(Op.COUNT), int(Op.SUM), int(Op.MEAN), int(Op.FRAUDS)
_OP_FRAUD_RATE, _OP_RATIO = int(Op.FRAUD_RATE), int(Op.RATIO_TO_WINDOW_MEAN)
_OP_SINCE_LAST, _OP_AGE, _OP_SINCE_FRAUD = int(Op.SINCE_LAST), int(Op.AGE), int(Op.SINCE_FRAUD)
_OP_HABIT_RATIO, _OP_HABIT_DEVIATION = int(Op.HABIT_RATIO), int(Op.HABIT_DEVIATION)
_OP_HABIT_MEDIAN, _OP_HABIT_MAX = int(Op.HABIT_MEDIAN_RATIO), int(Op.HABIT_MAX_RATIO)
_OP_DECAYED_COUNT, _OP_DECAYED_AMOUNT = int(Op.DECAYED_COUNT), int(Op.DECAYED_AMOUNT)
_OP_DECAYED_FRAUDS = int(Op.DECAYED_FRAUDS)
_OP_IS_NEW, _OP_DISTINCT = int(Op.IS_NEW), int(Op.DISTINCT)
_OP_KM, _OP_KMH, _OP_STREAK = int(Op.KM), int(Op.KMH), int(Op.SMALL_STREAK)

_EARTH_RADIUS_KM = 6371.0088
# Two places within a minute say nothing about speed beyond this.
_SHORTEST_TRIP_SECONDS = 60.0


@_compiled
def apply_events(  # type: ignore[no-untyped-def]
    events, hashes, members, cards, merchants, devices, windows, rings, decays, seens, features, habit, out
):
    """Apply events in their order.

    events: float64 (n, EVENT). hashes: float64 (n, 4) of merchant, device, country, card, 0 where missing.
    members: int64 (n, 3) row of the card, merchant, device in its states, -1 where missing.
    cards, merchants, devices: float64 (rows, width), changed in place. out: float32 (n, features), NaN for labels.
    """
    sums = np.zeros((windows.shape[0], 3))
    for i in range(events.shape[0]):
        if events[i, IS_LABEL] == 0.0:
            _read_windows(events[i], members[i], cards, merchants, devices, windows, sums)
            for f in range(features.shape[0]):
                kind = features[f, 1]
                if kind < 0:
                    out[i, f] = _of_payment(features[f, 0], events[i])
                elif members[i, kind] < 0:
                    out[i, f] = np.nan
                else:
                    state = _state_of(kind, members[i, kind], cards, merchants, devices)
                    out[i, f] = _of_entity(features[f], state, events[i], hashes[i], sums, habit)
        for kind in range(3):
            if members[i, kind] >= 0:
                state = _state_of(kind, members[i, kind], cards, merchants, devices)
                _update(kind, state, events[i], hashes[i], rings, decays, seens, habit)


@_compiled
def _state_of(kind, row, cards, merchants, devices):  # type: ignore[no-untyped-def]
    if kind == 0:
        return cards[row]
    if kind == 1:
        return merchants[row]
    return devices[row]


@_compiled
def _read_windows(event, members, cards, merchants, devices, windows, sums):  # type: ignore[no-untyped-def]
    for w in range(windows.shape[0]):
        kind, start, tiles, hop, span, by_arrival = windows[w]
        sums[w, :] = 0.0
        if members[kind] < 0:
            continue
        state = _state_of(kind, members[kind], cards, merchants, devices)
        head = int(event[ARRIVAL if by_arrival else TIME] // hop)
        for number in range(head - span + 1, head + 1):
            tile = start + (number % tiles) * TILE
            if state[tile + EPOCH] == number:
                sums[w, 0] += state[tile + COUNT]
                sums[w, 1] += state[tile + AMOUNT]
                sums[w, 2] += state[tile + FRAUDS]


@_compiled
def _of_payment(op, event):  # type: ignore[no-untyped-def]
    if op == _OP_AMOUNT:
        return event[VALUE]
    if op == _OP_HOUR:
        return (event[TIME] % DAY) // HOUR
    if op == _OP_WEEKEND:
        # 1970-01-01 was a Thursday: day number 2 and 3 of each seven are Saturday and Sunday.
        weekday = (event[TIME] // DAY) % 7
        return 1.0 if weekday == 2 or weekday == 3 else 0.0
    if op == _OP_REMOTE:
        return event[IS_REMOTE]
    return event[IS_CROSS_BORDER]


@_compiled
def _of_entity(feature, state, event, hashes, sums, habit):  # type: ignore[no-untyped-def]
    op = feature[0]
    if op < _OP_SINCE_LAST:
        return _of_window(op, sums[feature[2]], event)
    if op < _OP_HABIT_RATIO:
        return _of_recency(op, state, event, feature[4])
    if op < _OP_DECAYED_COUNT:
        return _of_habit(op, state, habit, event[VALUE])
    if op < _OP_IS_NEW:
        column = DECAY_COUNT if op == _OP_DECAYED_COUNT else DECAY_AMOUNT if op == _OP_DECAYED_AMOUNT else DECAY_FRAUDS
        since = max(event[TIME] - state[feature[2] + DECAY_AT], 0.0)
        return state[feature[2] + column] * 0.5 ** (since / feature[4])
    if op < _OP_KM:
        return _of_seen(op, state, feature[2], feature[3] // 8, hashes[feature[3] % 8], event[TIME], feature[4])
    if op == _OP_STREAK:
        return state[STREAK]
    return _of_place(op, state, event)


@_compiled
def _of_window(op, totals, event):  # type: ignore[no-untyped-def]
    if op == _OP_COUNT:
        return totals[0]
    if op == _OP_SUM:
        return totals[1]
    if op == _OP_FRAUDS:
        return totals[2]
    if totals[0] == 0.0:
        return np.nan
    if op == _OP_MEAN:
        return totals[1] / totals[0]
    if op == _OP_FRAUD_RATE:
        return totals[2] / totals[0]
    return event[VALUE] * totals[0] / totals[1]


@_compiled
def _of_recency(op, state, event, cap):  # type: ignore[no-untyped-def]
    at = state[LAST_AT] if op == _OP_SINCE_LAST else state[FIRST_AT] if op == _OP_AGE else state[FRAUD_AT]
    if at == 0.0:
        return np.nan
    return min(max(event[TIME] - at, 0.0), float(cap))


@_compiled
def _of_habit(op, state, habit, amount):  # type: ignore[no-untyped-def]
    count = int(min(state[habit], HABIT_SIZE))
    if count == 0:
        return np.nan
    amounts = state[habit + 1 : habit + 1 + count]
    if op == _OP_HABIT_RATIO:
        return amount / amounts.mean()
    if op == _OP_HABIT_MEDIAN:
        return amount / np.median(amounts)
    if op == _OP_HABIT_MAX:
        return amount / amounts.max()
    if count < 3:
        return np.nan
    # A floor of 1 % of the average, or a card that always pays the same would be infinitely surprised.
    return (amount - amounts.mean()) / max(amounts.std(), 0.01 * amounts.mean())


@_compiled
def _of_seen(op, state, start, slots, wanted, time, window):  # type: ignore[no-untyped-def]
    if op == _OP_IS_NEW:
        if wanted == 0.0:
            return np.nan
        for slot in range(start, start + slots * SEEN, SEEN):
            if state[slot + SEEN_HASH] == wanted:
                return 0.0
        return 1.0
    hop = 300 if window <= HOUR else HOUR if window <= DAY else DAY
    tail = ((time - window) // hop) * hop
    distinct = 0.0
    for slot in range(start, start + slots * SEEN, SEEN):
        if state[slot + SEEN_HASH] != 0.0 and state[slot + SEEN_AT] >= tail:
            distinct += 1.0
    return distinct


@_compiled
def _of_place(op, state, event):  # type: ignore[no-untyped-def]
    if state[PLACED_AT] == 0.0 or math.isnan(event[EVENT_LATITUDE]):
        return np.nan
    # Haversine. Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984).
    north, south = math.radians(event[EVENT_LATITUDE]), math.radians(state[LATITUDE])
    half_lat = math.sin((north - south) / 2.0)
    half_lon = math.sin(math.radians(event[EVENT_LONGITUDE] - state[LONGITUDE]) / 2.0)
    chord = half_lat * half_lat + math.cos(north) * math.cos(south) * half_lon * half_lon
    km = 2.0 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
    if op == _OP_KM:
        return km
    return km * HOUR / max(abs(event[TIME] - state[PLACED_AT]), _SHORTEST_TRIP_SECONDS)


@_compiled
def _update(kind, state, event, hashes, rings, decays, seens, habit):  # type: ignore[no-untyped-def]
    is_label = event[IS_LABEL] != 0.0
    for r in range(rings.shape[0]):
        if rings[r, 0] == kind:
            _add_to_tile(state, rings[r], event, is_label)
    for d in range(decays.shape[0]):
        if decays[d, 0] == kind:
            _add_to_decay(state, decays[d], event, is_label)
    if is_label:
        state[FRAUD_AT] = max(state[FRAUD_AT], event[TIME])
        return
    for s in range(seens.shape[0]):
        if seens[s, 0] == kind and hashes[seens[s, 3]] != 0.0:
            _add_to_seen(state, seens[s], hashes[seens[s, 3]], event[TIME])
    if kind == 0:
        slot = habit + 1 + int(state[habit]) % HABIT_SIZE
        state[slot] = event[VALUE]
        state[habit] += 1.0
        state[STREAK] = state[STREAK] + 1.0 if event[VALUE] < SMALL_AMOUNT else 0.0
        if not math.isnan(event[EVENT_LATITUDE]) and event[TIME] >= state[PLACED_AT]:
            state[LATITUDE], state[LONGITUDE] = event[EVENT_LATITUDE], event[EVENT_LONGITUDE]
            state[PLACED_AT] = event[TIME]
    state[FIRST_AT] = event[TIME] if state[FIRST_AT] == 0.0 else min(state[FIRST_AT], event[TIME])
    state[LAST_AT] = max(state[LAST_AT], event[TIME])


@_compiled
def _add_to_tile(state, ring, event, is_label):  # type: ignore[no-untyped-def]
    if ring[4] and is_label:
        return
    number = int(event[ARRIVAL if ring[4] else TIME] // ring[3])
    tile = ring[1] + (number % ring[2]) * TILE
    if state[tile + EPOCH] > number:
        return  # older than the ring keeps
    if state[tile + EPOCH] < number:
        state[tile + EPOCH] = number
        state[tile + COUNT] = state[tile + AMOUNT] = state[tile + FRAUDS] = 0.0
    if is_label:
        state[tile + FRAUDS] += 1.0
    else:
        state[tile + COUNT] += 1.0
        state[tile + AMOUNT] += event[VALUE]


@_compiled
def _add_to_decay(state, decay, event, is_label):  # type: ignore[no-untyped-def]
    start, half_life = decay[1], decay[2]
    since = event[TIME] - state[start + DECAY_AT]
    weight = 1.0
    if since >= 0.0:
        state[start : start + 3] *= 0.5 ** (since / half_life)
        state[start + DECAY_AT] = event[TIME]
    else:
        weight = 0.5 ** (-since / half_life)
    if is_label:
        state[start + DECAY_FRAUDS] += weight
    else:
        state[start + DECAY_COUNT] += weight
        state[start + DECAY_AMOUNT] += weight * event[VALUE]


@_compiled
def _add_to_seen(state, seen, wanted, time):  # type: ignore[no-untyped-def]
    """Refresh the slot of `wanted`, or take an empty one, or that which was seen longest ago."""
    oldest = seen[1]
    for slot in range(seen[1], seen[1] + seen[2] * SEEN, SEEN):
        if state[slot + SEEN_HASH] == wanted:
            state[slot + SEEN_AT] = max(state[slot + SEEN_AT], time)
            return
        if state[slot + SEEN_AT] < state[oldest + SEEN_AT]:
            oldest = slot
    state[oldest + SEEN_HASH], state[oldest + SEEN_AT] = wanted, time
