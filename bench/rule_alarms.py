"""How often alarms about rules are wrong: on chance alone, and on the simulator, whose bursts of fraud are real.

`python -m bench.rule_alarms`. Nothing is written; docs/rule-health.md tells what it said.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from cases.policy.health_signs import LOOK_BACK_HOURS, Past, find_silence, find_spike
from scoring.features.definitions import NAMES
from scoring.rules.columns import Columns
from scoring.rules.language import compile_condition
from scoring.transaction import Transaction, from_fields
from streams.simulator.stream import generate
from streams.simulator.world import World

START = datetime(2026, 8, 3, tzinfo=UTC)
WEEKS = 4
HOURS = LOOK_BACK_HOURS + WEEKS * 168
# Hits an hour; those below one a day are what most rules of a large policy are.
RATES = (0.02, 0.1, 0.5, 2.0, 10.0, 50.0)
RULES_A_RATE = 50
CARDS, PAYMENTS_A_DAY = 5_000, 1.0
CONDITIONS = {
    "large": "amount > 500",
    "very_large": "amount > 2000",
    "online_large": "channel = 'ecommerce' AND amount > 200",
    "tiny_online": "channel = 'ecommerce' AND amount < 2",
    "cash_machine": "channel = 'atm' AND amount > 250",
    "by_phone": "channel = 'moto'",
    "electronics": "merchant_category IN ('5732', '5734') AND amount > 150",
    "money": "merchant_category IN ('4829', '6051', '7995')",
    "jewels": "merchant_category = '5944'",
    "abroad": "merchant_country NOT IN ('DE', 'FR', 'SE', 'GB', 'IT', 'ES') AND amount > 100",
    "elsewhere": "billing_country IS NOT NULL AND merchant_country = 'US' AND channel = 'ecommerce'",
}


def main() -> None:
    rng = np.random.default_rng(7)
    day = 1 + 0.8 * np.sin((np.arange(HOURS) % 24 - 8) / 24 * 2 * np.pi)
    week = np.where(np.arange(HOURS) // 24 % 7 >= 5, 0.6, 1.0)
    payments = rng.poisson(2_000 * day * week)
    for rate in RATES:
        hits = [rng.poisson(rate * day * week) for _ in range(RULES_A_RATE)]
        _say(f"chance alone, {rate:g} an hour", [_raised(one, payments) for one in hits])
    names, simulated, frauds, counted = _simulated()
    for name, hits, true in zip(names, simulated, frauds, strict=True):
        _say(f"simulator, {name}, {hits.mean():.2f} an hour", [_raised(hits, counted, true)])


def _raised(
    hits: NDArray[np.int64], payments: NDArray[np.int64], frauds: NDArray[np.int64] | None = None
) -> tuple[int, int, int]:
    """How many spikes and silences four weeks would have begun, looked at each hour; how many spikes were fraud.

    A spike was fraud where at least half of what was more than usual was.
    """
    spikes = silences = real = 0
    is_spike = is_silent = False
    for end in range(LOOK_BACK_HOURS, HOURS):
        shown = slice(end - LOOK_BACK_HOURS, end)
        past = Past(hits[shown], payments[shown], shown.start % 168)
        was_spike, was_silent = is_spike, is_silent
        spike = find_spike(past, is_open=is_spike)
        is_spike = spike is not None
        if spike and not was_spike and frauds is not None:
            # Of the last hour but one, too: a spike of one hour may be that of the last full one.
            caught = frauds[end - max(spike.hours, 2) : end].sum()
            real += int(caught >= (spike.hits - spike.usual) / 2)
        is_silent = find_silence(past) is not None
        spikes += is_spike and not was_spike
        silences += is_silent and not was_silent
    return spikes, silences, real


def _simulated() -> tuple[list[str], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Hits of each rule and those that are fraud, int64 (rules, hours), and payments, int64 (hours,)."""
    conditions = {name: compile_condition(text) for name, text in CONDITIONS.items()}
    hits, frauds = np.zeros((2, len(conditions), HOURS), np.int64)
    payments = np.zeros(HOURS, np.int64)
    for hour, transactions, truth in _by_hour():
        payments[hour] = len(transactions)
        columns = Columns(transactions, np.full((len(transactions), len(NAMES)), np.nan, np.float32), None)
        for number, condition in enumerate(conditions.values()):
            met = np.broadcast_to(condition.holds(columns), len(transactions))
            hits[number, hour], frauds[number, hour] = np.count_nonzero(met), np.count_nonzero(met & truth)
    return list(conditions), hits, frauds, payments


def _by_hour() -> Iterator[tuple[int, list[Transaction], NDArray[np.bool_]]]:
    """Payments of each hour, and which of them are fraud."""
    world = World(7, CARDS, 600, PAYMENTS_A_DAY)
    found = generate(world, START, START + HOURS * timedelta(hours=1))
    for hour, payments in groupby(found, key=lambda payment: (payment.occurred_at - START) // timedelta(hours=1)):
        group = list(payments)
        transactions = [from_fields(dict(one.record), received_at=one.occurred_at) for one in group]
        yield hour, transactions, np.array([one.is_fraud for one in group])


def _say(what: str, raised: list[tuple[int, int, int]]) -> None:
    spikes, silences, real = (sum(numbers) / len(raised) for numbers in zip(*raised, strict=True))
    told = f"{spikes:.2f} spikes ({real:.2f} of fraud) and {silences:.2f} silences"
    sys.stdout.write(f"{what}: {told} a rule in {WEEKS} weeks\n")


if __name__ == "__main__":
    main()
