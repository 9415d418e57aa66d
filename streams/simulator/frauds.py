"""The frauds: a table of scenarios, each a small function from a crime to its payments.

Some runs are loud and some quiet: a thief who shops modestly near the victim's home is hard to tell from the
victim, and should be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from streams.simulator import chance
from streams.simulator.cards import DAY_MS
from streams.simulator.chance import Ints, Salt
from streams.simulator.merchants import ONLINE_POOL
from streams.simulator.places import FAR_CITIES
from streams.simulator.records import Channel, Draft, IpRange, ip_code
from streams.simulator.world import MEDIANS, World

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
CENTS_CAP = 900_000


@dataclass(frozen=True)
class Crime:
    """One fraud about to happen: where and when it starts, whose card, and the dice."""

    world: World
    rng: np.random.Generator
    start_ms: int
    victim: int
    scenario: str
    episode: int

    @property
    def city(self) -> int:
        return int(self.world.cards.city_at(_one(self.victim), _one(self.start_ms))[0])

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def times(self, count: int, span_ms: float) -> list[int]:
        """Return `count` moments in order within `span_ms` of the start, the first at the start."""
        later = np.sort(self.rng.uniform(1, span_ms, count - 1)).astype(np.int64)
        return [self.start_ms, *(self.start_ms + later).tolist()]

    def shop(self, pool: int, draws: int = 2) -> int:
        """Return the dearest kind of some merchants drawn: thieves like goods that sell again."""
        some = self.world.merchants.pick(np.full(draws, pool, dtype=np.int64), self.rng.random(draws))
        return int(some[np.argmax(MEDIANS[self.world.merchants.category[some]])])

    def cents(self, card: int, merchant: int, low: float, high: float) -> int:
        """Return an amount between `low` and `high` times what the card usually pays there."""
        usual = float(self.world.usual_log_amount(_one(card), _one(merchant))[0])
        factor = np.exp(self.rng.uniform(np.log(low), np.log(high)))
        return int(min(CENTS_CAP, max(100, round(np.exp(usual) * factor * 100))))

    def new_device(self) -> int:
        return int(self.rng.integers(1, 2**47))

    def new_ip(self) -> int:
        """Return a hired home line, or one of the few VPN exits that honest people use too."""
        if self.rng.random() < 0.35:
            return ip_code(IpRange.VPN, int(self.rng.integers(254)))
        return ip_code(IpRange.HOME, int(self.rng.integers(2**24)))

    def draft(self, at_ms: int, merchant: int, cents: int, channel: Channel, card: int | None = None) -> Draft:
        """Return a fraudulent payment, by default of the victim's card."""
        who = self.victim if card is None else card
        return Draft(at_ms, who, merchant, cents, channel, scenario=self.scenario, episode=self.episode)


def _one(value: int) -> Ints:
    return np.array([value], dtype=np.int64)


def stolen_card_burst(crime: Crime) -> list[Draft]:
    """Many shops in a short time with the card itself, until it is blocked."""
    city, quiet = crime.city, crime.rng.random() < 0.2
    count = int(crime.rng.integers(2, 4) if quiet else crime.rng.integers(5, 11))
    low, high = (0.5, 1.5) if quiet else (1.5, 7.0)
    payments = []
    for at_ms in crime.times(count, crime.between(0.3, 1.5) * HOUR_MS):
        merchant = crime.shop(city, draws=1 if quiet else 3)
        cents = crime.cents(crime.victim, merchant, low, high)
        taps = cents <= 5000 and crime.rng.random() < 0.8
        payments.append(crime.draft(at_ms, merchant, cents, Channel.CONTACTLESS if taps else Channel.POS))
    return payments


def card_testing(crime: Crime) -> list[Draft]:
    """Tiny payments within minutes to see whether the number works, then a large one."""
    device, ip = crime.new_device(), crime.new_ip()
    shops = [crime.shop(ONLINE_POOL, draws=1) for _ in range(3)]
    tests = [
        crime.draft(at_ms, shops[int(crime.rng.integers(3))], int(crime.rng.integers(50, 200)), Channel.ECOMMERCE)
        for at_ms in crime.times(int(crime.rng.integers(5, 12)), crime.between(2, 9) * MINUTE_MS)
    ]
    merchant = crime.shop(ONLINE_POOL, draws=4)
    at_ms = tests[-1].at_ms + int(crime.between(3, 90) * MINUTE_MS)
    strike = crime.draft(at_ms, merchant, max(15_000, crime.cents(crime.victim, merchant, 1.5, 6)), Channel.ECOMMERCE)
    return [payment._replace(device=device, ip=ip) for payment in (*tests, strike)]


def account_takeover(crime: Crime) -> list[Draft]:
    """Larger purchases online from a device and an address the customer never used."""
    device, ip = crime.new_device(), crime.new_ip()
    quiet = crime.rng.random() < 0.2
    low, high = (0.7, 2.0) if quiet else (2.5, 10.0)
    payments = []
    for at_ms in crime.times(int(crime.rng.integers(2, 6)), crime.between(0.2, 4) * HOUR_MS):
        merchant = crime.shop(ONLINE_POOL)
        cents = crime.cents(crime.victim, merchant, low, high)
        payments.append(crime.draft(at_ms, merchant, cents, Channel.ECOMMERCE)._replace(device=device, ip=ip))
    return payments


def compromised_merchant(crime: Crime) -> list[Draft]:
    """A merchant leaks its customers' cards for weeks: copies are used at it, and later elsewhere."""
    leaking = crime.world.leaking(crime.start_ms)
    merchant = int(leaking[crime.rng.integers(len(leaking))])
    pool = int(crime.world.merchants.pool[merchant])
    local = crime.world.cards_in(pool) if pool < ONLINE_POOL else None
    victim = int(crime.rng.choice(local)) if local is not None and len(local) else crime.victim
    shops = [merchant] * int(crime.rng.integers(1, 3)) + [crime.shop(pool)] * int(crime.rng.integers(0, 3))
    device, ip = crime.new_device(), crime.new_ip()
    payments, at_ms = [], crime.start_ms
    for shop in shops:
        is_web = pool == ONLINE_POOL
        cents = crime.cents(victim, shop, 1.0, 6.0)
        payment = crime.draft(at_ms, shop, cents, Channel.ECOMMERCE if is_web else Channel.POS, victim)
        payments.append(payment._replace(device=device, ip=ip) if is_web else payment)
        at_ms += int(crime.between(0.1, 30) * HOUR_MS)
    return payments


def impossible_travel(crime: Crime) -> list[Draft]:
    """A copy of the card pays in a far city within the hour of a payment by its holder."""
    here = crime.city
    shop = crime.shop(here, draws=1)
    own = Draft(crime.start_ms, crime.victim, shop, crime.cents(crime.victim, shop, 0.6, 1.6), Channel.POS)
    there = FAR_CITIES[here][int(crime.rng.integers(len(FAR_CITIES[here])))]
    at_ms, payments = crime.start_ms, [own]
    for _ in range(int(crime.rng.integers(1, 4))):
        at_ms += int(crime.between(4, 20) * MINUTE_MS)
        merchant = crime.shop(there)
        payments.append(crime.draft(at_ms, merchant, crime.cents(crime.victim, merchant, 0.7, 3.0), Channel.POS))
    return payments


def device_ring(crime: Crime) -> list[Draft]:
    """One device works through a list of bought card numbers."""
    device = crime.new_device()
    count = int(crime.rng.integers(4, 12))
    others = chance.weighted(crime.world.activity_sums, crime.rng.random(4 * count)).tolist()
    cards = list(dict.fromkeys((crime.victim, *others)))[:count]
    payments = []
    for card, at_ms in zip(cards, crime.times(len(cards), crime.between(0.3, 5) * HOUR_MS), strict=True):
        merchant = crime.shop(ONLINE_POOL)
        cents = crime.cents(card, merchant, 0.7, 3.0)
        payment = crime.draft(at_ms, merchant, cents, Channel.ECOMMERCE, card)
        payments.append(payment._replace(device=device, ip=crime.new_ip()))
    return payments


class Scenario(NamedTuple):
    """`share` is the part of the frauds (not of the payments) that go this way."""

    commit: Callable[[Crime], list[Draft]]
    share: float


SCENARIOS = {
    "stolen_card_burst": Scenario(stolen_card_burst, 0.20),
    "card_testing": Scenario(card_testing, 0.09),
    "account_takeover": Scenario(account_takeover, 0.26),
    "compromised_merchant": Scenario(compromised_merchant, 0.24),
    "impossible_travel": Scenario(impossible_travel, 0.13),
    "device_ring": Scenario(device_ring, 0.08),
}
_NAMES = tuple(SCENARIOS)
_SHARES = np.cumsum([scenario.share for scenario in SCENARIOS.values()])

# How a fraud gets known, the share that does so, and the median days it takes. The rest is never reported.
# Card schemes allow disputes for 120 days, but people see a fraud on the next statement: at most 45 here.
REPORTS = (("chargeback", 0.55, 8.0), ("issuer_report", 0.17, 4.0), ("customer", 0.18, 1.5))
REPORT_SPREAD = 0.6
SLOWEST_REPORT_DAYS = 45.0


def commit(world: World, rng: np.random.Generator, start_ms: int, episode: int) -> list[Draft]:
    """Return the payments of one fraud of some scenario against some card, the busier the likelier."""
    name = _NAMES[int(chance.weighted(_SHARES, rng.random(1))[0])]
    victim = int(chance.weighted(world.activity_sums, rng.random(1))[0])
    return SCENARIOS[name].commit(Crime(world, rng, start_ms, victim, name, episode))


def report(seed: int, draft: Draft) -> tuple[str, int | None]:
    """Return the source of the fraud's label and when it is known; ("", None) when nobody ever notices.

    A holder reports all payments of one fraud in the same way.
    """
    key = (draft.episode, draft.card)
    at = float(chance.uniform(seed, Salt.REPORT, *key)[0])
    z = float(chance.normal(seed, Salt.REPORT_DELAY, *key)[0])
    for source, share, median_days in REPORTS:
        if at < share:
            days = min(SLOWEST_REPORT_DAYS, median_days * float(np.exp(REPORT_SPREAD * z)))
            return source, draft.at_ms + max(MINUTE_MS, int(days * DAY_MS))
        at -= share
    return "", None
