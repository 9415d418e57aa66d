"""The kernel's part of a card alone: habit, streaks and places, which follow the order its payments are applied in."""
# mypy: allow-untyped-decorators
# ruff: noqa: C901, PLR0911, PLR0913

import math

import numpy as np

from scoring.features.compiling import compiled
from scoring.features.definitions import (
    HABIT_HOURS,
    HABIT_SIZE,
    HIGH_AMOUNT,
    HOUR,
    LEAST_HABIT,
    MOST_DEVIATION,
    SMALL_AMOUNT,
    Op,
)
from scoring.features.layout import (
    C_DECLINE_STREAK,
    C_DEVIATION,
    C_HABIT_AMOUNTS,
    C_HABIT_COUNT,
    C_HABIT_HOURS,
    C_HALF_LIFE,
    C_PLACE,
    C_SMALL_STREAK,
    EVENT_LATITUDE,
    EVENT_LONGITUDE,
    IS_DECLINED,
    TIME,
    VALUE,
    program,
)

# What is known of a card's last payments when the next one comes; the last row is room for their sorted amounts.
SIZE, MEAN, MEDIAN, LARGEST, DEVIATION, HOUR_SHARE, WEEKEND_SHARE, SORTED = range(8)
SUMMARY = SORTED + HABIT_SIZE

_OP_RATIO, _OP_DEVIATION = int(Op.HABIT_RATIO), int(Op.HABIT_DEVIATION)
_OP_MEDIAN, _OP_MAX = int(Op.HABIT_MEDIAN_RATIO), int(Op.HABIT_MAX_RATIO)
_OP_HOUR_SHARE = int(Op.HABIT_HOUR_SHARE)
_OP_KM = int(Op.KM)

_CARD = program().card
_HOURS_A_DAY = 24
# 1970-01-01 was a Thursday, day 3 from Monday.
_FIRST_WEEKDAY = 3
_SATURDAY = 5
_EARTH_RADIUS_KM = 6371.0088
# Two places within a minute say nothing about speed beyond this.
_SHORTEST_TRIP_SECONDS = 60.0


@compiled
def _hour_of_week(time):  # type: ignore[no-untyped-def]
    """Hours since Monday, 0 o'clock, UTC."""
    return (int(time // HOUR) + _FIRST_WEEKDAY * _HOURS_A_DAY) % (7 * _HOURS_A_DAY)


@compiled
def summarise_habit(amount, time, base, floats, ints, octets, habit):  # type: ignore[no-untyped-def]
    """Fill `habit`, float64 (SUMMARY,), from a card's last payments; `DEVIATION` is that of `amount` from them."""
    count = min(int(ints[2 * base + _CARD[C_HABIT_COUNT]]), HABIT_SIZE)
    habit[SIZE] = count
    habit[DEVIATION] = np.nan
    if count == 0:
        return
    first = base + _CARD[C_HABIT_AMOUNTS]
    _sort(floats, first, count, habit)
    total = 0.0
    for k in range(count):
        total += floats[first + k]
    mean = total / count
    habit[MEAN], habit[LARGEST] = mean, habit[SORTED + count - 1]
    habit[MEDIAN] = 0.5 * (habit[SORTED + (count - 1) // 2] + habit[SORTED + count // 2])
    if count >= LEAST_HABIT:
        squares = 0.0
        for k in range(count):
            squares += (floats[first + k] - mean) ** 2
        # A floor of 1 % of the average, or a card that always pays the same would be infinitely surprised.
        habit[DEVIATION] = (amount - mean) / max(math.sqrt(squares / count), 0.01 * mean)
    _share_times(time, 8 * base + _CARD[C_HABIT_HOURS], count, octets, habit)


@compiled
def _share_times(time, first, count, octets, habit):  # type: ignore[no-untyped-def]
    now = _hour_of_week(time)
    same_hour = same_kind = 0
    for k in range(first, first + count):
        then = int(octets[k])
        apart = abs(then % _HOURS_A_DAY - now % _HOURS_A_DAY)
        same_hour += min(apart, _HOURS_A_DAY - apart) <= HABIT_HOURS
        same_kind += (then >= _SATURDAY * _HOURS_A_DAY) == (now >= _SATURDAY * _HOURS_A_DAY)
    habit[HOUR_SHARE], habit[WEEKEND_SHARE] = same_hour / count, same_kind / count


@compiled
def _sort(floats, first, count, habit):  # type: ignore[no-untyped-def]
    """Insertion: of a few dozen numbers the fastest, and it takes no memory."""
    for k in range(count):
        value = floats[first + k]
        slot = SORTED + k
        while slot > SORTED and habit[slot - 1] > value:
            habit[slot] = habit[slot - 1]
            slot -= 1
        habit[slot] = value


@compiled
def of_habit(op, habit, amount):  # type: ignore[no-untyped-def]
    if habit[SIZE] == 0.0:
        return np.nan
    if op == _OP_RATIO:
        return amount / habit[MEAN]
    if op == _OP_DEVIATION:
        return habit[DEVIATION]
    if op == _OP_MEDIAN:
        return amount / habit[MEDIAN]
    if op == _OP_MAX:
        return amount / habit[LARGEST]
    return habit[HOUR_SHARE] if op == _OP_HOUR_SHARE else habit[WEEKEND_SHARE]


@compiled
def is_high(amount, habit):  # type: ignore[no-untyped-def]
    return habit[SIZE] >= LEAST_HABIT and amount > HIGH_AMOUNT * habit[MEDIAN]


@compiled
def of_place(op, floats, base, latitude, longitude, time):  # type: ignore[no-untyped-def]
    place = base + _CARD[C_PLACE]
    if floats[place + 2] == 0.0 or math.isnan(latitude):
        return np.nan
    # Haversine. Source: R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984).
    north, south = math.radians(latitude), math.radians(floats[place])
    half_lat = math.sin((north - south) / 2.0)
    half_lon = math.sin(math.radians(longitude - floats[place + 1]) / 2.0)
    chord = half_lat * half_lat + math.cos(north) * math.cos(south) * half_lon * half_lon
    km = 2.0 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))
    if op == _OP_KM:
        return km
    return km * HOUR / max(abs(time - floats[place + 2]), _SHORTEST_TRIP_SECONDS)


@compiled
def add_to_habit(i, numbers, base, floats, ints, octets, habit):  # type: ignore[no-untyped-def]
    """Apply a payment to its card, whose summary as of before it is `habit`."""
    amount, time, latitude = numbers[VALUE, i], numbers[TIME, i], numbers[EVENT_LATITUDE, i]
    _add_deviation(habit[DEVIATION], time, base + _CARD[C_DEVIATION], _CARD[C_HALF_LIFE], floats)
    count = int(ints[2 * base + _CARD[C_HABIT_COUNT]])
    slot = count % HABIT_SIZE
    floats[base + _CARD[C_HABIT_AMOUNTS] + slot] = amount
    octets[8 * base + _CARD[C_HABIT_HOURS] + slot] = _hour_of_week(time)
    # The count says which slot is next, and whether all are filled: it stays below 2 * HABIT_SIZE.
    ints[2 * base + _CARD[C_HABIT_COUNT]] = count + 1 if count + 1 < 2 * HABIT_SIZE else HABIT_SIZE
    small, declines = 2 * base + _CARD[C_SMALL_STREAK], 2 * base + _CARD[C_DECLINE_STREAK]
    ints[small] = ints[small] + 1 if amount < SMALL_AMOUNT else 0
    ints[declines] = ints[declines] + 1 if numbers[IS_DECLINED, i] != 0.0 else 0
    place = base + _CARD[C_PLACE]
    if not math.isnan(latitude) and time >= floats[place + 2]:
        floats[place], floats[place + 1], floats[place + 2] = latitude, numbers[EVENT_LONGITUDE, i], time


@compiled
def _add_deviation(deviation, time, total, half_life, floats):  # type: ignore[no-untyped-def]
    added = 0.0 if math.isnan(deviation) else max(0.0, min(MOST_DEVIATION, deviation))
    since = time - floats[total]
    weight = 0.5 ** (abs(since) / half_life)
    if since > 0.0:
        floats[total] = time
        floats[total + 1] = floats[total + 1] * weight + added
    else:
        floats[total + 1] += added * weight
