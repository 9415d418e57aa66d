"""The kernel: applies payments and labels to entity states in order, giving each payment's vector as of before it.

One loop serves the live store and the offline engine, so they cannot disagree. Semantics: `docs/features.md`.
A ring keeps the tiles up to its newest one. A late payment reads and writes the tile it belongs to while that is kept;
where a tile also holds payments after it, the tile counts whole (its inner order is not kept).
"""

import numpy as np

from scoring.features.compiling import compiled
from scoring.features.definitions import DAY, HOUR, Op, hop_of
from scoring.features.habits import (
    SUMMARY,
    add_to_habit,
    is_high,
    of_habit,
    of_place,
    summarise_habit,
)
from scoring.features.layout import (
    AMOUNTS,
    ARRIVAL,
    C_DECLINE_STREAK,
    C_DEVIATION,
    C_SMALL_STREAK,
    CLOCK,
    COUNTS,
    DATED,
    EVENT_LATITUDE,
    EVENT_LONGITUDE,
    FRAUDS,
    HASH,
    HEAD,
    IS_CROSS_BORDER,
    IS_DECLINED,
    IS_LABEL,
    IS_REMOTE,
    KIND,
    LAG,
    OF,
    OF_ALL,
    OF_FRAUDS,
    OF_HIGH,
    OP,
    SLOTS,
    SPAN,
    TILES,
    TIME,
    VALUE,
    WINDOW,
    A,
    B,
    program,
)

_OP_AMOUNT, _OP_HOUR, _OP_WEEKEND, _OP_REMOTE = int(Op.AMOUNT), int(Op.HOUR), int(Op.WEEKEND), int(Op.REMOTE)
_OP_COUNT, _OP_SUM, _OP_MEAN, _OP_FRAUDS = int(Op.COUNT), int(Op.SUM), int(Op.MEAN), int(Op.FRAUDS)
_OP_FRAUD_RATE, _OP_RATIO = int(Op.FRAUD_RATE), int(Op.RATIO_TO_WINDOW_MEAN)
_OP_SINCE_FIRST_FRAUD, _OP_FRAUD_DAYS = int(Op.SINCE_FIRST_FRAUD), int(Op.FRAUD_DAYS)
_OP_SINCE_LAST, _OP_SINCE_FRAUD = int(Op.SINCE_LAST), int(Op.SINCE_FRAUD)
_OP_HABIT_RATIO = int(Op.HABIT_RATIO)
_OP_DECAYED_COUNT, _OP_DECAYED_DEVIATION = int(Op.DECAYED_COUNT), int(Op.DECAYED_DEVIATION)
_OP_DECAYED_FRAUD_AMOUNT = int(Op.DECAYED_FRAUD_AMOUNT)
_OP_IS_NEW, _OP_KM = int(Op.IS_NEW), int(Op.KM)
_OP_SMALL_STREAK = int(Op.SMALL_STREAK)
_hop_of = compiled(hop_of)

# Compiled in as constants: an array handed from function to function costs more than what is computed with it.
_TABLE = program()
_CLOCKS, _WINDOWS, _RINGS, _DECAYS = _TABLE.clocks, _TABLE.windows, _TABLE.rings, _TABLE.decays
_RECENTS, _SEENS, _FEATURES, _CARD = _TABLE.recents, _TABLE.seens, _TABLE.features, _TABLE.card


@compiled
def apply_events(numbers, hashes, members, floats, ints, octets, out):  # type: ignore[no-untyped-def]
    """Apply events in their order.

    numbers: float64 (NUMBERS, n). hashes: int32 (4, n) of merchant, device, country, card, 0 where missing. members:
    int64 (5, n) where the state of the card, customer, merchant, device, ip begins in `floats`, -1 where missing.
    floats, ints, octets: the states, views of one memory, changed in place. out: float32 (n, features), NaN for labels.
    """
    sums = np.zeros((_WINDOWS.shape[0], 5))
    habit = np.zeros(SUMMARY)
    tiles = np.zeros(_CLOCKS.shape[0], np.int64)
    for i in range(numbers.shape[1]):
        time = numbers[TIME, i]
        for c in range(_CLOCKS.shape[0]):
            tiles[c] = int(numbers[ARRIVAL if _CLOCKS[c, 1] else TIME, i]) // _CLOCKS[c, 0]
        if numbers[IS_LABEL, i] != 0.0:
            out[i, :] = np.nan
            _learn(i, time, numbers[VALUE, i], tiles, members, floats, ints)
            continue
        amount = numbers[VALUE, i]
        _read_windows(i, tiles, members, floats, ints, sums)
        summarise_habit(amount, time, members[0, i], floats, ints, octets, habit)
        for f in range(_FEATURES.shape[0]):
            kind = _FEATURES[f, OF]
            if kind < 0:
                out[i, f] = _of_payment(_FEATURES[f, OP], i, numbers)
            elif members[kind, i] < 0:
                out[i, f] = np.nan
            elif _FEATURES[f, OP] < _OP_SINCE_LAST:
                out[i, f] = _of_window(f, sums, amount, time)
            else:
                out[i, f] = _of_state(f, i, members[kind, i], numbers, hashes, floats, ints, habit)
        _add(i, time, amount, is_high(amount, habit), tiles, hashes, members, floats, ints)
        add_to_habit(i, numbers, members[0, i], floats, ints, octets, habit)


@compiled
def _of_state(f, i, base, numbers, hashes, floats, ints, habit):  # type: ignore[no-untyped-def]
    op, a, window, time = _FEATURES[f, OP], _FEATURES[f, A], _FEATURES[f, WINDOW], numbers[TIME, i]
    if op < _OP_HABIT_RATIO:
        at = float(ints[2 * base + a]) if op == _OP_SINCE_FRAUD else floats[base + a]
        return np.nan if at == 0.0 else min(max(time - at, 0.0), float(window))
    if op < _OP_DECAYED_COUNT:
        return of_habit(op, habit, numbers[VALUE, i])
    if op == _OP_DECAYED_DEVIATION:
        total = base + _CARD[C_DEVIATION]
        return _decayed(floats[total + 1], floats[total], time, window)
    if op == _OP_DECAYED_FRAUD_AMOUNT:
        # Amounts and counts have become less by the same.
        count = floats[base + _FEATURES[f, B]]
        return floats[base + a] / count if count > 0.0 else np.nan
    if op < _OP_IS_NEW:
        return _decayed(floats[base + a], floats[base + _FEATURES[f, B]], time, window)
    if op < _OP_KM:
        return _of_seen(f, ints, 2 * base, hashes[_FEATURES[f, HASH], i], time)
    if op < _OP_SMALL_STREAK:
        return of_place(op, floats, base, numbers[EVENT_LATITUDE, i], numbers[EVENT_LONGITUDE, i], time)
    streak = C_SMALL_STREAK if op == _OP_SMALL_STREAK else C_DECLINE_STREAK
    return float(ints[2 * base + _CARD[streak]])


@compiled
def _of_payment(op, i, numbers):  # type: ignore[no-untyped-def]
    if op == _OP_AMOUNT:
        return numbers[VALUE, i]
    if op == _OP_HOUR:
        return (numbers[TIME, i] % DAY) // HOUR
    if op == _OP_WEEKEND:
        # 1970-01-01 was a Thursday: day number 2 and 3 of each seven are Saturday and Sunday.
        weekday = (numbers[TIME, i] // DAY) % 7
        return 1.0 if weekday == 2 or weekday == 3 else 0.0
    if op == _OP_REMOTE:
        return numbers[IS_REMOTE, i]
    return numbers[IS_CROSS_BORDER, i]


@compiled
def _read_windows(i, tiles, members, floats, ints, sums):  # type: ignore[no-untyped-def]
    for w in range(_WINDOWS.shape[0]):
        base, size = members[_WINDOWS[w, KIND], i], _WINDOWS[w, TILES]
        sums[w, 0] = sums[w, 1] = sums[w, 2] = 0.0
        if base < 0:
            continue
        head = int(ints[2 * base + _WINDOWS[w, HEAD]])
        number = tiles[_WINDOWS[w, CLOCK]]
        if _WINDOWS[w, LAG] > 0:
            sums[w, 0] = _count_before(w, number - _WINDOWS[w, LAG], head, size, ints, 2 * base)
        first = max(number - _WINDOWS[w, SPAN], head - size) + 1
        count = min(number, head) - first + 1
        if count <= 0:
            continue
        slot = first % size
        if _WINDOWS[w, COUNTS] >= 0 and _WINDOWS[w, LAG] == 0:
            sums[w, 0] = _total(0, ints, 2 * base + _WINDOWS[w, COUNTS], slot, count, size)
        if _WINDOWS[w, AMOUNTS] >= 0:
            sums[w, 1] = _total(0.0, floats, base + _WINDOWS[w, AMOUNTS], slot, count, size)
        if _WINDOWS[w, FRAUDS] >= 0:
            sums[w, 2] = _total(0, ints, 2 * base + _WINDOWS[w, FRAUDS], slot, count, size)
        if _WINDOWS[w, DATED] != 0 and sums[w, 2] > 0.0:
            _date_frauds(ints, 2 * base + _WINDOWS[w, FRAUDS], first, count, size, sums[w])


@compiled
def _count_before(w, number, head, size, ints, base):  # type: ignore[no-untyped-def]
    """Payments of the window that ends with tile `number`, some time before."""
    first = max(number - _WINDOWS[w, SPAN], head - size) + 1
    count = min(number, head) - first + 1
    return _total(0, ints, base + _WINDOWS[w, COUNTS], first % size, count, size) if count > 0 else 0


@compiled
def _date_frauds(cells, start, first, count, size, sums):  # type: ignore[no-untyped-def]
    """The first tile with frauds, and how many have any, among `count` tiles from `first` on."""
    sums[3] = sums[4] = 0.0
    for number in range(first + count - 1, first - 1, -1):
        if cells[start + number % size] > 0:
            sums[3] = number
            sums[4] += 1.0


@compiled
def _total(total, cells, start, slot, count, size):  # type: ignore[no-untyped-def]
    """`total` (0 of the wanted type) and `count` tiles from `slot` on, around the ring."""
    until = min(slot + count, size)
    for cell in range(start + slot, start + until):
        total += cells[cell]
    for cell in range(start, start + count - (until - slot)):
        total += cells[cell]
    return total


@compiled
def _of_window(f, sums, amount, time):  # type: ignore[no-untyped-def]
    op, w = _FEATURES[f, OP], _FEATURES[f, A]
    count, total, frauds = sums[w, 0], sums[w, 1], sums[w, 2]
    if op == _OP_COUNT:
        return count
    if op == _OP_SUM:
        return total
    if op == _OP_FRAUDS:
        return frauds
    if op == _OP_FRAUD_RATE:
        # A window may hold more frauds that became known than payments.
        return frauds / max(count, frauds) if count + frauds > 0.0 else np.nan
    if op == _OP_FRAUD_DAYS:
        return sums[w, 4] if frauds > 0.0 else 0.0
    if op == _OP_SINCE_FIRST_FRAUD:
        return max(time - sums[w, 3] * _hop_of(_FEATURES[f, WINDOW]), 0.0) if frauds > 0.0 else np.nan
    if count == 0.0:
        return np.nan
    if op == _OP_MEAN:
        return total / count
    if op == _OP_RATIO:
        return amount * count / total
    return amount * _FEATURES[f, WINDOW] / (total * DAY)


@compiled
def _decayed(total, at, time, half_life):  # type: ignore[no-untyped-def]
    return total * 0.5 ** (max(time - at, 0.0) / half_life) if total != 0.0 else 0.0


@compiled
def _of_seen(f, ints, base, wanted, time):  # type: ignore[no-untyped-def]
    hashes, slots = base + _FEATURES[f, A], _FEATURES[f, SLOTS]
    if _FEATURES[f, OP] == _OP_IS_NEW:
        if wanted == 0:
            return np.nan
        for cell in range(hashes, hashes + slots):
            if ints[cell] == wanted:
                return 0.0
        return 1.0
    hop = _hop_of(_FEATURES[f, WINDOW])
    tail = int((time - _FEATURES[f, WINDOW]) // hop) * hop
    times = base + _FEATURES[f, B]
    distinct = 0
    for slot in range(slots):
        distinct += ints[hashes + slot] != 0 and ints[times + slot] >= tail
    return float(distinct)


@compiled
def _add(i, time, amount, is_of_high, tiles, hashes, members, floats, ints):  # type: ignore[no-untyped-def]
    """Apply a payment to what its entities share with others or count by time."""
    for r in range(_RINGS.shape[0]):
        base, counts, amounts = members[_RINGS[r, KIND], i], _RINGS[r, COUNTS], _RINGS[r, AMOUNTS]
        if base < 0 or (counts < 0 and amounts < 0):
            continue
        slot = _slot(r, floats, ints, base, tiles[_RINGS[r, CLOCK]])
        if slot >= 0 and counts >= 0:
            ints[2 * base + counts + slot] += 1
        if slot >= 0 and amounts >= 0:
            floats[base + amounts + slot] += amount
    for d in range(_DECAYS.shape[0]):
        base, of = members[_DECAYS[d, 0], i], _DECAYS[d, 5]
        if base >= 0 and (of == OF_ALL or (of == OF_HIGH and is_of_high)):
            _add_decayed(d, floats, base, time, amount)
    for k in range(_RECENTS.shape[0]):
        base, op = members[_RECENTS[k, 0], i], _RECENTS[k, 1]
        if base >= 0 and op != _OP_SINCE_FRAUD:
            cell = base + _RECENTS[k, 2]
            at = floats[cell]
            is_further = time > at if op == _OP_SINCE_LAST else time < at
            floats[cell] = time if at == 0.0 or is_further else at
    for s in range(_SEENS.shape[0]):
        base, wanted = members[_SEENS[s, 0], i], hashes[_SEENS[s, 4], i]
        if base >= 0 and wanted != 0:
            _add_seen(s, ints, 2 * base, wanted, int(time))


@compiled
def _learn(i, time, amount, tiles, members, floats, ints):  # type: ignore[no-untyped-def]
    """Apply a fraud of `amount` that became known at `time`."""
    for r in range(_RINGS.shape[0]):
        base = members[_RINGS[r, KIND], i]
        if base >= 0 and _RINGS[r, FRAUDS] >= 0:
            slot = _slot(r, floats, ints, base, tiles[_RINGS[r, CLOCK]])
            if slot >= 0:
                ints[2 * base + _RINGS[r, FRAUDS] + slot] += 1
    for d in range(_DECAYS.shape[0]):
        base = members[_DECAYS[d, 0], i]
        if base >= 0 and _DECAYS[d, 5] == OF_FRAUDS:
            _add_decayed(d, floats, base, time, amount)
    for k in range(_RECENTS.shape[0]):
        base = members[_RECENTS[k, 0], i]
        if base >= 0 and _RECENTS[k, 1] == _OP_SINCE_FRAUD:
            cell = 2 * base + _RECENTS[k, 2]
            ints[cell] = max(ints[cell], int(time))


@compiled
def _slot(r, floats, ints, base, number):  # type: ignore[no-untyped-def]
    """The ring's slot of a tile, after moving its head there if the tile is newer; -1 when it is no longer kept.

    The order of moves does not matter: what a ring holds follows from which events there were.
    """
    size, head = _RINGS[r, TILES], int(ints[2 * base + _RINGS[r, HEAD]])
    if number <= head - size:
        return -1
    for passed in range(max(head, number - size) + 1, number + 1):
        slot = passed % size
        if _RINGS[r, COUNTS] >= 0:
            ints[2 * base + _RINGS[r, COUNTS] + slot] = 0
        if _RINGS[r, AMOUNTS] >= 0:
            floats[base + _RINGS[r, AMOUNTS] + slot] = 0.0
        if _RINGS[r, FRAUDS] >= 0:
            ints[2 * base + _RINGS[r, FRAUDS] + slot] = 0
    ints[2 * base + _RINGS[r, HEAD]] = max(head, number)
    return number % size


@compiled
def _add_decayed(d, floats, base, time, amount):  # type: ignore[no-untyped-def]
    half_life, at, counts, amounts = _DECAYS[d, 1], base + _DECAYS[d, 2], _DECAYS[d, 3], _DECAYS[d, 4]
    since = time - floats[at]
    weight = 0.5 ** (abs(since) / half_life)
    # What is older weighs less: the total when the event is the newer, else the event.
    kept, added = (weight, 1.0) if since > 0.0 else (1.0, weight)
    floats[at] = max(floats[at], time)
    if counts >= 0:
        floats[base + counts] = floats[base + counts] * kept + added
    if amounts >= 0:
        floats[base + amounts] = floats[base + amounts] * kept + amount * added


@compiled
def _add_seen(s, ints, base, wanted, at):  # type: ignore[no-untyped-def]
    """Keep the values seen last, of those seen in the same second the larger hashes: whatever order they came in."""
    hashes, times = base + _SEENS[s, 1], base + _SEENS[s, 2]
    oldest = 0
    for slot in range(_SEENS[s, 3]):
        if ints[hashes + slot] == wanted:
            ints[times + slot] = max(ints[times + slot], at)
            return
        if ints[times + slot] < ints[times + oldest] or (
            ints[times + slot] == ints[times + oldest] and ints[hashes + slot] < ints[hashes + oldest]
        ):
            oldest = slot
    is_free = ints[hashes + oldest] == 0
    if is_free or at > ints[times + oldest] or (at == ints[times + oldest] and wanted > ints[hashes + oldest]):
        ints[hashes + oldest], ints[times + oldest] = wanted, at


@compiled
def learn_declines(ints, members, numbers, before, width, start, column, out):  # type: ignore[no-untyped-def]
    """Count declines in a row again, from the streaks before the batch and the outcomes in `numbers`.

    before: int32 (cards,), the batch's cards lie first in memory, `width` cells of 8 bytes each. Writes `column` of
    `out` and the last streaks; bool (n,), which values of the column changed.
    """
    streaks = before.copy()
    changed = np.zeros(numbers.shape[1], np.bool_)
    for i in range(numbers.shape[1]):
        if numbers[IS_LABEL, i] != 0.0:
            continue
        row = members[0, i] // width
        if out[i, column] != streaks[row]:
            out[i, column] = streaks[row]
            changed[i] = True
        streaks[row] = streaks[row] + 1 if numbers[IS_DECLINED, i] != 0.0 else 0
    for row in range(streaks.shape[0]):
        ints[2 * row * width + start] = streaks[row]
    return changed
