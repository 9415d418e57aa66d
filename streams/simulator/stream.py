"""Payments of a world in the order of time, made up a little ahead of where the reader is.

History runs at the natural pace of the cards. A live run must carry the real time, and to be worth watching
it needs more payments a second than some thousand cards make: `rate` asks for that. The surplus is spread
evenly over the cards, not in proportion to their habit, so that busy cards stay within the range they
showed in history. Only the number of sessions grows; the gaps inside a session and inside a fraud keep
their length, so velocity over minutes and hours looks much the same in both. A card's surplus is rate *
86,400 / cards - natural payments a day: with 11,000 cards of 0.8 a day and 2 payments a second 15 a day, or
0.6 an hour.
"""

import itertools
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import numpy as np

from streams.simulator import frauds, habits
from streams.simulator.chance import Floats
from streams.simulator.records import Draft, SimulatedPayment, Writer, from_ms, to_ms
from streams.simulator.world import HOUR_MS, World

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
AHEAD_PAYMENTS = 60  # made up at once in a live run; the first fraud begins within them
SHORTEST_STEP_MS = 1000
UNDER_WAY = 12.0  # a live run finds a few frauds under way: nobody should wait for the first
BY_TIME = attrgetter("at_ms")
# The floor keeps a demo at night from waking only the other side of the world.
SLEEPLESS = 0.6


def generate(world: World, start: datetime, end: datetime, *, fraud_rate: float = 0.005) -> Iterator[SimulatedPayment]:
    """Yield the payments of [start, end) at the natural pace. Same arguments, same payments."""
    return payments(world, start, days=(end - start) / timedelta(days=1), fraud_rate=fraud_rate)


def payments(
    world: World,
    start: datetime,
    *,
    days: float | None = None,
    rate: float | None = None,
    fraud_rate: float = 0.005,
) -> Iterator[SimulatedPayment]:
    """Yield payments from `start` on, for `days` or without end, `rate` a second or at the natural pace.

    Same arguments, same payments. Another start gives other payments with other ids by the same people, so a
    run may be stopped and started again.

    Raises:
        ValueError: naive `start`, `fraud_rate` outside [0, 0.5], `rate` not positive; at the call itself.
    """
    start_ms = to_ms(start)
    if not 0 <= fraud_rate <= 0.5 or (rate is not None and rate <= 0):
        raise ValueError("fraud_rate must be within 0 and 0.5, rate above 0")
    end_ms = None if days is None else start_ms + round(days * 24 * HOUR_MS)
    return _written(world, start_ms, _drafts(world, start_ms, end_ms, rate, fraud_rate))


def paced(
    events: Iterable[SimulatedPayment],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], object] = time.sleep,
    latest: timedelta = timedelta(minutes=2),
) -> Iterator[SimulatedPayment]:
    """Yield each payment when its time has come.

    What is overdue by more than `latest` is left out: after a machine has slept, the run goes on at the
    present instead of flooding the reader with the night.
    """
    for event in events:
        wait_seconds = (event.occurred_at - now()).total_seconds()
        if wait_seconds > 0:
            sleep(wait_seconds)
        if wait_seconds >= -latest.total_seconds():
            yield event


def _drafts(world: World, start_ms: int, end_ms: int | None, rate: float | None, fraud_rate: float) -> Iterator[Draft]:
    rng = np.random.default_rng([world.seed, start_ms])
    episodes = itertools.count(1)
    waiting: list[Draft] = []  # made up already, in order of time: sessions and frauds outlast their step
    due = 0.0  # payments the rate asks for that have not come yet
    owed = 0.0 if not fraud_rate else 1.0 if rate is None else UNDER_WAY  # fraudulent payments still due
    for at_ms, until_ms in _steps(start_ms, end_ms, rate):
        wanted = None
        if rate is not None:
            due += rate * (until_ms - at_ms) / 1000
            sessions = max(0.0, due * (1 - fraud_rate) - _before(waiting, until_ms))
            wanted = sessions * habits.PAYMENTS_PER_SESSION * HOUR_MS / (until_ms - at_ms)
        fresh = habits.honest(world, rng, at_ms, until_ms, _hourly(world, at_ms, wanted))
        owed += len(fresh) * fraud_rate / (1 - fraud_rate)
        while owed > 0:
            fraud = frauds.commit(world, rng, int(rng.integers(at_ms, until_ms)), next(episodes))
            owed -= sum(1 for draft in fraud if draft.scenario)
            fresh += fraud
        waiting = sorted(waiting + fresh, key=BY_TIME)
        ready = _before(waiting, until_ms)
        yield from waiting[:ready]
        del waiting[:ready]
        due -= ready


def _steps(start_ms: int, end_ms: int | None, rate: float | None) -> Iterator[tuple[int, int]]:
    """Cut the time into stretches that are made up at once: an hour, or a few payments of a live run."""
    step_ms = HOUR_MS
    if rate is not None:
        step_ms = min(HOUR_MS, max(SHORTEST_STEP_MS, round(AHEAD_PAYMENTS / rate * 1000)))
    for at_ms in itertools.count(start_ms, step_ms):
        if end_ms is not None and at_ms >= end_ms:
            return
        yield at_ms, at_ms + step_ms if end_ms is None else min(at_ms + step_ms, end_ms)


def _before(waiting: list[Draft], until_ms: int) -> int:
    return bisect_left(waiting, until_ms, key=BY_TIME)


def _hourly(world: World, at_ms: int, wanted: float | None) -> Floats:
    """Return honest payments an hour for each card: natural, or summing up to `wanted`."""
    awake = world.awake(at_ms)
    natural: Floats = world.cards.activity * awake / 24
    if wanted is None:
        return natural
    total = float(natural.sum())
    if wanted <= total:
        return natural * (wanted / total)
    spread = np.maximum(awake, SLEEPLESS)
    lifted: Floats = natural + (wanted - total) * spread / spread.sum()
    return lifted


def _written(world: World, start_ms: int, drafts: Iterable[Draft]) -> Iterator[SimulatedPayment]:
    """Give each draft its id and the truth. The id holds seed and start, so no two runs share one."""
    writer = Writer(world)
    run = f"sim-{world.seed}-{_base36(start_ms)}"
    run_seed = world.seed + start_ms
    for number, draft in enumerate(drafts, start=1):
        occurred_at = from_ms(draft.at_ms)
        source, known_ms = frauds.report(run_seed, draft) if draft.scenario else ("", None)
        yield SimulatedPayment(
            record=writer.record(f"{run}-{number:09d}", draft, occurred_at),
            occurred_at=occurred_at,
            is_fraud=bool(draft.scenario),
            scenario=draft.scenario,
            episode=draft.episode,
            label_source=source,
            label_known_at=None if known_ms is None else from_ms(known_ms),
        )


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits or "0"
