"""A seeded world: who holds which card, where they live and shop, what they usually pay. No state."""

import numpy as np

from streams.simulator import chance
from streams.simulator.cards import DAY_MS, RHYTHMS, WEEKEND, build_cards
from streams.simulator.chance import Floats, Ints, Salt
from streams.simulator.merchants import BILL_POOL, build_merchants
from streams.simulator.places import CATEGORIES, UTC_OFFSETS

FAVOURITES = 14  # merchants of each pool that a card keeps going back to
LEAK_DAYS = 21  # how long frauds follow a leak at a merchant
HOUR_MS = 3_600_000

MEDIANS: Floats = np.log([row.median for row in CATEGORIES])
SPREADS: Floats = np.array([row.spread for row in CATEGORIES])


class World:
    """`payments_per_day` is the mean over cards, whose activity is log-normal around a lower median."""

    def __init__(self, seed: int, cards: int = 2000, merchants: int = 400, payments_per_day: float = 2.0) -> None:
        if cards < 1 or payments_per_day <= 0:
            raise ValueError("a world needs cards that pay")
        self.seed = seed
        self.cards = build_cards(seed, cards, payments_per_day)
        self.merchants = build_merchants(seed, merchants)
        self.activity_sums: Floats = np.cumsum(self.cards.activity)

    def cards_in(self, city: int) -> Ints:
        """Return the cards whose holders live there."""
        return np.flatnonzero(self.cards.city == city)

    def awake(self, at_ms: int) -> Floats:
        """Return how awake each card is at that moment: local hour and weekend, mean 1 over a week."""
        local = at_ms + UTC_OFFSETS[self.cards.city] * HOUR_MS
        is_weekend = (local // DAY_MS + 3) % 7 >= 5  # day 0 of the epoch was a Thursday
        weekend = WEEKEND[self.cards.rhythm]
        level = np.where(is_weekend, weekend, (7 - 2 * weekend) / 5)
        awake: Floats = RHYTHMS[self.cards.rhythm, local % DAY_MS // HOUR_MS] * level
        return awake

    def favourite(self, card: Ints, pool: Ints, slot: Ints) -> Ints:
        """Return the card's favourite number `slot` in each pool of merchants."""
        return self.merchants.pick(pool, chance.uniform(self.seed, Salt.FAVOURITE, card, pool, slot))

    def usual_log_amount(self, card: Ints, merchant: Ints) -> Floats:
        """Return the log of the card's median amount (EUR) at the merchant."""
        category = self.merchants.category[merchant]
        taste = chance.normal(self.seed, Salt.TASTE, card, category) * 0.25
        result: Floats = MEDIANS[category] + self.merchants.price[merchant] + self.cards.spend[card] + taste
        return result

    def leaking(self, at_ms: int) -> Ints:
        """Return the merchants whose card data is being abused at that time: about one in 150."""
        period = at_ms // (LEAK_DAYS * DAY_MS)
        index = np.flatnonzero(self.merchants.pool != BILL_POOL)
        drawn = chance.uniform(self.seed, Salt.LEAK, index, period)
        return index[np.argsort(drawn, kind="stable")[: max(1, len(index) // 150)]]
