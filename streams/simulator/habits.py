"""Honest payments, as numpy columns for a stretch of time: people go out in sessions of one or more payments.

Ordinary life also looks odd at times, on purpose: trips abroad, gifts, new phones, somebody else's computer,
rent day, online sprees, a row of tiny payments. Without it a model could flag every surprise and be right.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from streams.simulator import chance
from streams.simulator.cards import DAY_MS
from streams.simulator.chance import Bools, Floats, Ints, Salt
from streams.simulator.merchants import BILL_POOL, ONLINE_POOL
from streams.simulator.places import CATEGORIES
from streams.simulator.records import IP_RANGE_BITS, Channel, Draft, IpRange, from_ms, to_ms
from streams.simulator.world import FAVOURITES, HOUR_MS, SPREADS, World

# kind of session: share, fewest and most payments, mean gap in seconds
SINGLE, ERRANDS, SPREE, TINY = range(4)
SHARES: Floats = np.array([0.745, 0.235, 0.012, 0.008])
FEWEST: Ints = np.array([1, 2, 4, 3], dtype=np.int64)
MOST: Ints = np.array([1, 4, 9, 7], dtype=np.int64)
GAP_SECONDS: Floats = np.array([1.0, 1500.0, 330.0, 110.0])
PAYMENTS_PER_SESSION = float(SHARES @ (FEWEST + MOST) / 2)

GIFT_CHANCE = 0.006
NEW_SHOP_CHANCE = 0.15
BORROWED_DEVICE_CHANCE = 0.012
CASH_CATEGORY = next(i for i, row in enumerate(CATEGORIES) if row.code == "6011")
MOTO_CATEGORIES = [i for i, row in enumerate(CATEGORIES) if row.code in {"7011", "4722"}]
CONTACTLESS_LIMIT_CENTS = 5000  # PSD2: above 50 EUR the card is put in and a PIN asked
DEAREST_CENTS = 2_000_000
RENT_DAYS = 3


@dataclass(frozen=True)
class Payments:
    """Columns over payments while they are being made up."""

    card: Ints
    at_ms: Ints
    kind: Ints
    is_online: Bools


def honest(world: World, rng: np.random.Generator, start_ms: int, end_ms: int, rate: Floats) -> list[Draft]:
    """Return the payments of the sessions that begin in [start, end); some fall after `end_ms`.

    `rate` is payments an hour for each card.
    """
    sums = np.cumsum(rate)
    expected = sums[-1] / PAYMENTS_PER_SESSION * (end_ms - start_ms) / HOUR_MS
    sessions = int(rng.poisson(expected))
    card = chance.weighted(sums, rng.random(sessions))
    begins = start_ms + np.floor(rng.random(sessions) * (end_ms - start_ms)).astype(np.int64)
    payments = _expand(world, rng, card, begins)
    merchant = _merchants(world, rng, payments)
    cents = _amounts(world, rng, payments, merchant)
    channel = _channels(world, rng, payments, merchant, cents)
    device, ip = _devices(world, rng, payments, channel)
    columns = (payments.at_ms, payments.card, merchant, cents, channel, device, ip)
    drafts = [Draft(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return drafts + _rents(world, start_ms, end_ms)


def _expand(world: World, rng: np.random.Generator, card: Ints, begins: Ints) -> Payments:
    kind = chance.weighted(np.cumsum(SHARES), rng.random(len(card)))
    size = rng.integers(FEWEST[kind], MOST[kind] + 1)
    goes_online = (rng.random(len(card)) < world.cards.online_share[card]) | (kind == SPREE)
    session = np.repeat(np.arange(len(card)), size)
    first = np.cumsum(size) - size
    gaps = rng.exponential(GAP_SECONDS[kind][session]) * 1000
    gaps[first] = 0
    elapsed = np.cumsum(gaps)
    elapsed -= elapsed[first][session]
    at_ms = begins[session] + elapsed.astype(np.int64)
    return Payments(card[session], at_ms, kind[session], goes_online[session])


def _merchants(world: World, rng: np.random.Generator, payments: Payments) -> Ints:
    count = len(payments.card)
    pool = np.where(payments.is_online, ONLINE_POOL, world.cards.city_at(payments.card, payments.at_ms))
    # Few of the favourites get most of the visits: slot 0 about a third.
    slot = np.floor(FAVOURITES * rng.random(count) ** 2.5).astype(np.int64)
    favourite = world.favourite(payments.card, pool, slot)
    is_new = rng.random(count) < NEW_SHOP_CHANCE + 0.2 * (payments.kind == SPREE)
    return np.where(is_new, world.merchants.pick(pool, rng.random(count)), favourite)


def _amounts(world: World, rng: np.random.Generator, payments: Payments, merchant: Ints) -> Ints:
    count = len(payments.card)
    category = world.merchants.category[merchant]
    log_amount = world.usual_log_amount(payments.card, merchant) + SPREADS[category] * rng.normal(size=count)
    gift = np.where(rng.random(count) < GIFT_CHANCE, rng.uniform(3, 9, count), 1.0)
    cents = np.exp(log_amount) * gift * 100
    cents = np.where(payments.kind == TINY, rng.uniform(40, 320, count), cents)
    is_cash = category == CASH_CATEGORY
    cents = np.where(is_cash, np.maximum(1, np.round(cents / 1000)) * 1000, cents)
    ends_in_99 = payments.is_online & (rng.random(count) < 0.6) & (payments.kind != TINY)
    cents = np.where(ends_in_99, np.ceil(cents / 100) * 100 - 1, cents)
    return np.clip(np.round(cents), 30, DEAREST_CENTS).astype(np.int64)


def _channels(world: World, rng: np.random.Generator, payments: Payments, merchant: Ints, cents: Ints) -> Ints:
    count = len(payments.card)
    category = world.merchants.category[merchant]
    taps = (cents <= CONTACTLESS_LIMIT_CENTS) & (rng.random(count) < 0.75)
    channel = np.where(taps, Channel.CONTACTLESS, Channel.POS)
    channel = np.where(category == CASH_CATEGORY, Channel.ATM, channel)
    channel = np.where(payments.is_online, Channel.ECOMMERCE, channel)
    by_phone = np.isin(category, MOTO_CATEGORIES) & (rng.random(count) < 0.06)
    return np.where(by_phone, Channel.MOTO, channel).astype(np.int64)


def _devices(world: World, rng: np.random.Generator, payments: Payments, channel: Ints) -> tuple[Ints, Ints]:
    """Return device and ip; both 0 unless the payment is e-commerce."""
    count, card, at_ms = len(payments.card), payments.card, payments.at_ms
    who, home = world.cards.customer[card], world.cards.city[card]
    has_second = chance.uniform(world.seed, Salt.SECOND_DEVICE, who) < 0.5
    device = world.cards.device_at(card, at_ms, has_second & (rng.random(count) < 0.25))
    public = chance.below(world.seed, Salt.SHARED_DEVICE, 2**47, home, rng.integers(0, 12, count)) + 1
    device = np.where(rng.random(count) < BORROWED_DEVICE_CHANCE, public, device)
    home_ip = chance.below(world.seed, Salt.HOME_IP, 2**24, who, at_ms // (30 * DAY_MS))
    mobile_ip = (home << 16) | chance.below(world.seed, Salt.MOBILE_IP, 2**16, card, at_ms // DAY_MS)
    some = rng.integers(0, 254, count)
    at = rng.random(count)
    choices = [at < 0.68, at < 0.93, at < 0.97]
    ranges = np.select(choices, [IpRange.HOME, IpRange.MOBILE, IpRange.VPN], IpRange.PUBLIC)
    ip = (ranges.astype(np.int64) << IP_RANGE_BITS) | np.select(choices, [home_ip, mobile_ip, some], some)
    is_web = channel == Channel.ECOMMERCE
    return np.where(is_web, device, 0), np.where(is_web, ip, 0)


def _rents(world: World, start_ms: int, end_ms: int) -> list[Draft]:
    """Return the rents due in [start, end): the same large transfer at the start of each month."""
    month = from_ms(end_ms - 1).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    month_ms = to_ms(month)
    if start_ms >= month_ms + RENT_DAYS * DAY_MS:
        return []
    card = np.flatnonzero(world.cards.pays_rent).astype(np.int64)
    due = chance.uniform(world.seed, Salt.RENT_TIME, card, _months(month)) * RENT_DAYS * DAY_MS
    at_ms = month_ms + due.astype(np.int64)
    now = (at_ms >= start_ms) & (at_ms < end_ms)
    card, at_ms = card[now], at_ms[now]
    pool = np.full(len(card), BILL_POOL, dtype=np.int64)
    merchant = world.favourite(card, pool, np.zeros(len(card), dtype=np.int64))
    spread = chance.normal(world.seed, Salt.RENT_AMOUNT, card) * 0.25
    cents = np.round(np.exp(world.usual_log_amount(card, merchant) + spread) / 5) * 500
    rows = zip(at_ms.tolist(), card.tolist(), merchant.tolist(), cents.astype(np.int64).tolist(), strict=True)
    return [Draft(*row, Channel.TRANSFER) for row in rows]


def _months(month: datetime) -> int:
    return month.year * 12 + month.month
