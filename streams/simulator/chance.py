"""Numbers that look random but follow from a key: the same seed and key give the same number for ever.

What a card or merchant *is* (home, habits, phone, trips) comes from here, so a world needs no state, more
cards leave the first ones as they are, and a restart finds everybody as they were. What *happens* comes
from a numpy Generator.
"""

from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Key = Ints | int


class Salt(IntEnum):
    """Keeps two uses of the same key apart; append only, or every world changes."""

    HOME_CITY = auto()
    ISSUER = auto()
    ACTIVITY = auto()
    RHYTHM = auto()
    SPEND = auto()
    ONLINE = auto()
    RENT = auto()
    RENT_TIME = auto()
    RENT_AMOUNT = auto()
    TASTE = auto()
    FAVOURITE = auto()
    TRIP = auto()
    TRIP_START = auto()
    TRIP_DAYS = auto()
    TRIP_CITY = auto()
    DEVICE = auto()
    DEVICE_LIFE = auto()
    DEVICE_PHASE = auto()
    SECOND_DEVICE = auto()
    SHARED_DEVICE = auto()
    HOME_IP = auto()
    MOBILE_IP = auto()
    SHOP_CITY = auto()
    SHOP_CATEGORY = auto()
    SHOP_PRICE = auto()
    SHOP_PLACE = auto()
    LEAK = auto()
    REPORT = auto()
    REPORT_DELAY = auto()


def hashed(seed: int, salt: Salt, *keys: Key) -> NDArray[np.uint64]:
    """Mix seed, salt and keys into 64 bits each; keys broadcast, a lone int gives shape (1,).

    Source: splitmix64, Steele, Lea and Flood 2014.
    """
    state = np.array([(seed * 1_000_003 + salt) & 0xFFFF_FFFF_FFFF_FFFF], dtype=np.uint64)
    for key in keys:
        state = _finalised(state ^ np.atleast_1d(np.asarray(key, dtype=np.int64)).astype(np.uint64))
    return state


def _finalised(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed: int, salt: Salt, *keys: Key) -> Floats:
    """Return numbers in [0, 1)."""
    return (hashed(seed, salt, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, salt: Salt, *keys: Key) -> Floats:
    """Return standard normal numbers. Source: Box and Muller 1958."""
    bits = hashed(seed, salt, *keys)
    first = ((bits >> np.uint64(32)).astype(np.float64) + 0.5) * 2.0**-32
    second = (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    result: Floats = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return result


def below(seed: int, salt: Salt, limit: int, *keys: Key) -> Ints:
    """Return whole numbers in [0, limit)."""
    return (hashed(seed, salt, *keys) % np.uint64(limit)).astype(np.int64)


def weighted(cumulative: Floats, at: Floats) -> Ints:
    """Return the index each number of [0, 1) falls on, given cumulated weights."""
    index: Ints = np.searchsorted(cumulative, at * cumulative[-1], side="right").astype(np.int64)
    return index
