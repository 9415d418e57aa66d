"""The merchants of a world as columns, and how one is picked from a pool of them."""

from dataclasses import dataclass

import numpy as np
from faker import Faker

from streams.simulator import chance
from streams.simulator.chance import Floats, Ints, Salt
from streams.simulator.places import BILL, CATEGORIES, CITIES, CITY_WEIGHTS, ONLINE, SHOP

# Names come from outside: these two prove that every screen and every export escapes them.
HOSTILE_NAMES = ("<script>alert(1)</script> Ltd", '=HYPERLINK("x")')
LOCALES = ["en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL"]
FEWEST = 100  # every city keeps a shop and the online pool some choice

# A pool is a run of merchants: one per city, then these two.
ONLINE_POOL = len(CITIES)
BILL_POOL = ONLINE_POOL + 1


@dataclass(frozen=True)
class Merchants:
    """Columns over merchants, ordered by pool; `pool_start` and `pool_size` are indexed by pool."""

    count: int
    pool: Ints
    city: Ints
    category: Ints
    price: Floats
    latitude: Floats
    longitude: Floats
    names: tuple[str, ...]
    pool_start: Ints
    pool_size: Ints

    def pick(self, pool: Ints, at: Floats) -> Ints:
        """Return a merchant of each pool; squaring `at` in [0, 1) makes the first ones the popular ones."""
        picked: Ints = self.pool_start[pool] + np.floor(self.pool_size[pool] * at**2).astype(np.int64)
        return picked


def build_merchants(seed: int, count: int) -> Merchants:
    """Lay out `count` merchants; raises ValueError when there are too few for all cities."""
    if count < FEWEST:
        raise ValueError(f"a world needs at least {FEWEST} merchants, not {count}")
    pool = _pools(seed, count)
    size = np.bincount(pool, minlength=BILL_POOL + 1).astype(np.int64)
    start = np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64)
    index = np.arange(count, dtype=np.int64)
    city = np.where(pool < ONLINE_POOL, pool, _cities(seed, index))
    around = [chance.normal(seed, Salt.SHOP_PLACE, index, axis) * 0.04 for axis in (0, 1)]  # about 4 km
    return Merchants(
        count=count,
        pool=pool,
        city=city,
        category=_categories(seed, pool),
        price=chance.normal(seed, Salt.SHOP_PRICE, index) * 0.3,
        latitude=np.round(np.array([place.latitude for place in CITIES])[city] + around[0], 5),
        longitude=np.round(np.array([place.longitude for place in CITIES])[city] + around[1], 5),
        names=_names(seed, count, hostile_at=(int(start[0]), int(start[ONLINE_POOL]))),
        pool_start=start,
        pool_size=size,
    )


def _cities(seed: int, index: Ints) -> Ints:
    return chance.weighted(CITY_WEIGHTS, chance.uniform(seed, Salt.SHOP_CITY, index))


def _pools(seed: int, count: int) -> Ints:
    bills, online = max(1, count // 100), count // 4
    shops = np.arange(count - bills - online, dtype=np.int64)
    one_each = np.arange(len(CITIES), dtype=np.int64)
    city = np.concatenate((one_each, _cities(seed, shops[len(CITIES) :])))
    rest = np.repeat(np.array([ONLINE_POOL, BILL_POOL], dtype=np.int64), [online, bills])
    return np.sort(np.concatenate((city, rest)))


def _categories(seed: int, pool: Ints) -> Ints:
    category = np.zeros(len(pool), dtype=np.int64)
    at = chance.uniform(seed, Salt.SHOP_CATEGORY, np.arange(len(pool), dtype=np.int64))
    kinds = ((SHOP, pool < ONLINE_POOL), (ONLINE, pool == ONLINE_POOL), (BILL, pool == BILL_POOL))
    for where, here in kinds:
        known = np.array([i for i, row in enumerate(CATEGORIES) if row.where == where], dtype=np.int64)
        weights = np.cumsum([CATEGORIES[i].share for i in known])
        category[here] = known[chance.weighted(weights, at[here])]
    return category


def _names(seed: int, count: int, hostile_at: tuple[int, ...]) -> tuple[str, ...]:
    fake = Faker(LOCALES)
    fake.seed_instance(seed)
    names = [fake.company()[:128] for _ in range(count)]
    for index, name in zip(hostile_at, HOSTILE_NAMES, strict=True):
        names[index] = name
    return tuple(names)
