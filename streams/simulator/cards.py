"""The cards of a world and the lasting habits of the people who hold them, as columns."""

from dataclasses import dataclass

import numpy as np

from streams.simulator import chance
from streams.simulator.chance import Bools, Floats, Ints, Salt
from streams.simulator.places import CITY_WEIGHTS

ACTIVITY_SPREAD = 0.9  # log scale: the busiest 5 % pay about 4 times as often as the median card
DAY_MS = 86_400_000
TRIP_PERIOD_DAYS = 14
TRIP_CHANCE = 0.12  # about three trips a year
MOVED_ABROAD = 0.03


def _rhythm(*peaks: tuple[float, float, float]) -> Floats:
    """Return 24 hourly weights of mean 1: bells (hour, width, height) over a small constant."""
    hours = np.arange(24)
    day = np.full(24, 0.05)
    for hour, width, height in peaks:
        apart = np.minimum((hours - hour) % 24, (hour - hours) % 24)
        day += height * np.exp(-0.5 * (apart / width) ** 2)
    level: Floats = day / day.mean()
    return level


# office, at home, evening, night shift: one row each, 24 local hours
RHYTHMS: Floats = np.array(
    [
        _rhythm((8, 1.2, 1.0), (12.5, 1.0, 1.3), (18, 1.8, 1.6)),
        _rhythm((11, 2.5, 1.5), (16, 2.5, 1.2)),
        _rhythm((13, 3.0, 0.8), (20, 2.5, 1.6)),
        _rhythm((2, 3.0, 1.0), (17, 3.0, 1.0)),
    ]
)
RHYTHM_WEIGHTS: Floats = np.cumsum([0.45, 0.30, 0.20, 0.05])
WEEKEND: Floats = np.array([0.8, 1.2, 1.4, 1.0])


@dataclass(frozen=True)
class Cards:
    """Columns over cards; `activity` is payments a day, `spend` a log factor on amounts."""

    seed: int
    count: int
    customer: Ints
    city: Ints
    issuer_city: Ints
    activity: Floats
    rhythm: Ints
    spend: Floats
    online_share: Floats
    pays_rent: Bools

    def city_at(self, card: Ints, at_ms: Ints) -> Ints:
        """Return the city each holder is in: at home, or where a trip of the customer leads."""
        who, city = self.customer[card], self.city[card]
        day = at_ms / DAY_MS + who % TRIP_PERIOD_DAYS
        period = (day // TRIP_PERIOD_DAYS).astype(np.int64)
        starts = 1 + chance.below(self.seed, Salt.TRIP_START, 5, who, period)
        lasts = 2 + chance.below(self.seed, Salt.TRIP_DAYS, 7, who, period)
        into = day - period * TRIP_PERIOD_DAYS
        away = (into >= starts) & (into < starts + lasts)
        away &= chance.uniform(self.seed, Salt.TRIP, who, period) < TRIP_CHANCE
        there = chance.weighted(CITY_WEIGHTS, chance.uniform(self.seed, Salt.TRIP_CITY, who, period))
        return np.where(away, there, city)

    def device_at(self, card: Ints, at_ms: Ints, second: Bools) -> Ints:
        """Return the customer's phone, or other device where `second`; each lasts 2-30 months."""
        who = self.customer[card]
        slot = second.astype(np.int64)
        life = 60 + 840 * chance.uniform(self.seed, Salt.DEVICE_LIFE, who, slot)
        phase = chance.uniform(self.seed, Salt.DEVICE_PHASE, who, slot)
        generation = np.floor(at_ms / DAY_MS / life + phase).astype(np.int64)
        return chance.below(self.seed, Salt.DEVICE, 2**47, who, slot, generation) + 1


def build_cards(seed: int, count: int, payments_per_day: float) -> Cards:
    """Derive the cards; each follows from the seed and its own number only."""
    index = np.arange(count, dtype=np.int64)
    who = index - (index % 5 == 4)  # every fifth card is the second card of the customer before it
    city = chance.weighted(CITY_WEIGHTS, chance.uniform(seed, Salt.HOME_CITY, who))
    elsewhere = chance.weighted(CITY_WEIGHTS, chance.uniform(seed, Salt.ISSUER, who, 1))
    moved = chance.uniform(seed, Salt.ISSUER, who, 0) < MOVED_ABROAD
    taste = chance.normal(seed, Salt.ACTIVITY, index) * ACTIVITY_SPREAD
    return Cards(
        seed=seed,
        count=count,
        customer=who,
        city=city,
        issuer_city=np.where(moved, elsewhere, city),
        activity=payments_per_day * np.exp(taste - ACTIVITY_SPREAD**2 / 2),
        rhythm=chance.weighted(RHYTHM_WEIGHTS, chance.uniform(seed, Salt.RHYTHM, who)),
        spend=chance.normal(seed, Salt.SPEND, who) * 0.4,
        online_share=0.05 + 0.5 * chance.uniform(seed, Salt.ONLINE, who) ** 1.5,
        pays_rent=chance.uniform(seed, Salt.RENT, index) < 0.3,
    )
