"""The feature table said plainly and slowly: every value from the list of all that was applied before.

Shares no code with the kernel, only the table: for each row the sentence of its semantics, in Python.
"""

import ipaddress
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import fmean, median, pstdev
from zlib import crc32

from scoring.features.definitions import (
    DAY,
    FEATURES,
    HABIT_HOURS,
    HABIT_SIZE,
    HIGH_AMOUNT,
    HOUR,
    LEAST_HABIT,
    MINUTE,
    MOST_DEVIATION,
    SEEN_SIZES,
    SMALL_AMOUNT,
    Feature,
    Op,
)
from scoring.features.events import Event, FraudKnown, Payment

NAN = math.nan
OF_LABELS = (Op.FRAUDS, Op.FRAUD_RATE, Op.SINCE_FIRST_FRAUD, Op.FRAUD_DAYS)
OF_PAYMENTS = (Op.COUNT, Op.SUM, Op.MEAN, Op.FRAUD_RATE, Op.RATIO_TO_WINDOW_MEAN, Op.RATIO_TO_DAILY_SUM)
WINDOWED = OF_LABELS + OF_PAYMENTS


def reference_vector(before: Sequence[Event], payment: Payment) -> list[float]:
    """The vector of a payment after `before` was applied, in that order."""
    return [_value(feature, before, payment) for feature in FEATURES]


def seconds(time: datetime) -> float:
    return time.timestamp()


def time_of(event: Event) -> float:
    return seconds(event.known_at if isinstance(event, FraudKnown) else event.transaction.occurred_at)


def amount_of(event: Event) -> float:
    return float(event.amount if isinstance(event, FraudKnown) else event.transaction.amount)


def _value(feature: Feature, before: Sequence[Event], payment: Payment) -> float:
    if feature.entity == "payment":
        return _of_payment(feature.op, payment)
    identity = _identity(payment, feature.entity)
    if not identity:
        return NAN
    own = [event for event in before if _identity(event, feature.entity) == identity]
    payments = [event for event in own if isinstance(event, Payment)]
    frauds = [event for event in own if isinstance(event, FraudKnown)]
    if feature.op in WINDOWED:
        return _of_window(feature, own, payment)
    if feature.op in (Op.DECAYED_FRAUDS, Op.DECAYED_FRAUD_AMOUNT, Op.SINCE_FRAUD):
        return _of_frauds(frauds, feature, payment)
    return _of_payments(payments, feature, payment)


def _of_frauds(frauds: Sequence[FraudKnown], feature: Feature, payment: Payment) -> float:
    if feature.op == Op.SINCE_FRAUD:
        return _since(max((math.floor(time_of(event)) for event in frauds), default=NAN), payment, feature.window)
    count = _decayed(feature.window, frauds, payment, lambda event: 1.0)
    if feature.op == Op.DECAYED_FRAUDS:
        return count
    return _decayed(feature.window, frauds, payment, amount_of) / count if frauds else NAN


def _identity(event: Event, entity: str) -> str | None:
    holder = event if isinstance(event, FraudKnown) else event.transaction
    if entity != "ip":
        return getattr(holder, f"{entity}_id")
    if holder.ip_address is None:
        return None
    address = ipaddress.ip_address(holder.ip_address)
    if address.version == 6 and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def _of_payment(op: Op, payment: Payment) -> float:
    sent = payment.transaction
    card_country = sent.card_country or sent.billing_country
    if op == Op.AMOUNT:
        return float(sent.amount)
    if op == Op.HOUR:
        return float(sent.occurred_at.hour)
    if op == Op.WEEKEND:
        return float(sent.occurred_at.weekday() >= 5)
    if op == Op.REMOTE:
        return float(sent.channel in ("ecommerce", "moto", "transfer"))
    assert op == Op.CROSS_BORDER
    return float(bool(sent.merchant_country and card_country and sent.merchant_country != card_country))


def _hop(window: int) -> int:
    return 5 * MINUTE if window <= HOUR else HOUR if window <= DAY else DAY


def _of_window(feature: Feature, own: Sequence[Event], payment: Payment) -> float:
    inside = _inside(feature, own, payment)
    amounts = [amount_of(event) for event in inside if isinstance(event, Payment)]
    frauds = float(len(inside) - len(amounts))
    plain = {Op.COUNT: float(len(amounts)), Op.SUM: math.fsum(amounts), Op.FRAUDS: frauds}
    if feature.op in plain:
        return plain[feature.op]
    if feature.op == Op.FRAUD_RATE:
        return frauds / max(len(amounts), frauds) if inside else NAN
    if feature.op in (Op.SINCE_FIRST_FRAUD, Op.FRAUD_DAYS):
        return _of_days([time_of(event) for event in inside if isinstance(event, FraudKnown)], feature, payment)
    return _of_amounts(feature, amounts, amount_of(payment)) if amounts else NAN


def _of_days(frauds: Sequence[float], feature: Feature, payment: Payment) -> float:
    days = {math.floor(time / DAY) for time in frauds}
    if feature.op == Op.FRAUD_DAYS:
        return float(len(days))
    return seconds(payment.transaction.occurred_at) - min(days) * DAY if days else NAN


def _of_amounts(feature: Feature, amounts: Sequence[float], amount: float) -> float:
    if feature.op == Op.RATIO_TO_DAILY_SUM:
        return amount / (math.fsum(amounts) / (feature.window / DAY))
    return fmean(amounts) if feature.op == Op.MEAN else amount / fmean(amounts)


def _inside(feature: Feature, own: Sequence[Event], payment: Payment) -> list[Event]:
    """What lies in the window: from its tail, rounded down to the hop, through the tile of the payment.

    All windows of one hop are read from one ring of tiles. It keeps as many as the longest of them needs, up to the
    newest one anything fell into.
    """
    hop = _hop(feature.window)
    sharing = [
        row for row in FEATURES
        if row.entity == feature.entity and row.op in WINDOWED
        and _hop(row.window) == hop and row.by_arrival == feature.by_arrival
    ]  # fmt: skip
    tiles = max((row.window + row.lag) // hop + 1 for row in sharing)
    if not any(row.op in OF_LABELS for row in sharing):
        own = [event for event in own if isinstance(event, Payment)]

    def tile_of(event: Event) -> int:
        if feature.by_arrival:
            assert isinstance(event, Payment)
            return math.floor(seconds(event.received_at) / hop)
        return math.floor(time_of(event) / hop)

    newest = max(map(tile_of, own), default=0)

    def is_inside(event: Event) -> bool:
        last = tile_of(payment) - (feature.lag // hop if isinstance(event, Payment) else 0)
        return max(last - feature.window // hop, newest - tiles + 1) <= tile_of(event) <= last

    return [event for event in own if is_inside(event)]


def _decayed(half_life: int, events: Sequence[Event], payment: Payment, worth: Callable[[Event], float]) -> float:
    """Each event weighs one half less per half-life; a late payment sees the total as of the newest event."""
    at = max([seconds(payment.transaction.occurred_at), *map(time_of, events)])
    return math.fsum(worth(event) * 0.5 ** ((at - time_of(event)) / half_life) for event in events)


def _since(at: float, payment: Payment, cap: int) -> float:
    return min(max(seconds(payment.transaction.occurred_at) - at, 0.0), float(cap)) if not math.isnan(at) else NAN


def _of_payments(earlier: Sequence[Payment], feature: Feature, payment: Payment) -> float:
    op = feature.op
    if op in (Op.DECAYED_COUNT, Op.DECAYED_AMOUNT, Op.DECAYED_DEVIATION, Op.DECAYED_HIGH):
        counted = [event for i, event in enumerate(earlier) if op != Op.DECAYED_HIGH or _is_high(earlier[:i], event)]
        return _decayed(feature.window, counted, payment, _worth(op, earlier))
    if op in (Op.SINCE_LAST, Op.AGE):
        times = [time_of(event) for event in earlier]
        return _since((max if op == Op.SINCE_LAST else min)(times, default=NAN), payment, feature.window)
    if op in (Op.KM, Op.KMH):
        return _of_place(op, earlier, payment)
    if op in (Op.IS_NEW, Op.DISTINCT):
        return _of_seen(feature, earlier, payment)
    if op in (Op.SMALL_STREAK, Op.DECLINE_STREAK):
        is_small = op == Op.SMALL_STREAK
        return _streak([amount_of(event) < SMALL_AMOUNT if is_small else event.is_declined for event in earlier])
    return _of_habit(op, earlier[-HABIT_SIZE:], payment)


def _worth(op: Op, earlier: Sequence[Payment]) -> Callable[[Event], float]:
    if op in (Op.DECAYED_COUNT, Op.DECAYED_HIGH):
        return lambda event: 1.0
    if op == Op.DECAYED_AMOUNT:
        return amount_of
    surprises = {id(event): _surprise(earlier[:i], event) for i, event in enumerate(earlier)}
    return lambda event: surprises[id(event)]


def _streak(answers: Sequence[bool]) -> float:
    streak = 0
    while streak < len(answers) and answers[-1 - streak]:
        streak += 1
    return float(streak)


def _surprise(earlier: Sequence[Payment], payment: Payment) -> float:
    deviation = _of_habit(Op.HABIT_DEVIATION, earlier[-HABIT_SIZE:], payment)
    return 0.0 if math.isnan(deviation) else min(max(deviation, 0.0), MOST_DEVIATION)


def _is_high(earlier: Sequence[Payment], payment: Payment) -> bool:
    last = [amount_of(event) for event in earlier[-HABIT_SIZE:]]
    return len(last) >= LEAST_HABIT and amount_of(payment) > HIGH_AMOUNT * median(last)


def _of_habit(op: Op, last: Sequence[Payment], payment: Payment) -> float:
    if not last:
        return NAN
    if op in (Op.HABIT_HOUR_SHARE, Op.HABIT_WEEKEND_SHARE):
        is_alike = _is_same_hour if op == Op.HABIT_HOUR_SHARE else _is_same_kind_of_day
        return fmean(is_alike(event.transaction.occurred_at, payment.transaction.occurred_at) for event in last)
    return _against(op, [amount_of(event) for event in last], amount_of(payment))


def _against(op: Op, amounts: Sequence[float], amount: float) -> float:
    if op == Op.HABIT_RATIO:
        return amount / fmean(amounts)
    if op == Op.HABIT_MEDIAN_RATIO:
        return amount / median(amounts)
    if op == Op.HABIT_MAX_RATIO:
        return amount / max(amounts)
    assert op == Op.HABIT_DEVIATION
    if len(amounts) < LEAST_HABIT:
        return NAN
    return (amount - fmean(amounts)) / max(pstdev(amounts), 0.01 * fmean(amounts))


def _is_same_hour(one: datetime, other: datetime) -> bool:
    return (one.hour - other.hour) % 24 in {*range(HABIT_HOURS + 1), *range(24 - HABIT_HOURS, 24)}


def _is_same_kind_of_day(one: datetime, other: datetime) -> bool:
    return (one.weekday() >= 5) == (other.weekday() >= 5)


def _of_seen(feature: Feature, earlier: Sequence[Payment], payment: Payment) -> float:
    """Only the values seen last, to the second, are remembered; of equals those with the larger signed checksum."""
    attribute = "merchant_country" if feature.of == "country" else f"{feature.of}_id"
    seen: dict[str, int] = {}
    for event in earlier:
        value = getattr(event.transaction, attribute)
        if value:
            seen[value] = max(math.floor(time_of(event)), seen.get(value, 0))
    last_first = sorted(seen, key=lambda value: (seen[value], _signed(crc32(value.encode()))), reverse=True)
    kept = last_first[: SEEN_SIZES[feature.entity, feature.of]]
    if feature.op == Op.IS_NEW:
        wanted = getattr(payment.transaction, attribute)
        return float(wanted not in kept) if wanted else NAN
    hop = _hop(feature.window)
    tail = math.floor((seconds(payment.transaction.occurred_at) - feature.window) / hop) * hop
    return float(sum(seen[value] >= tail for value in kept))


def _signed(checksum: int) -> int:
    return checksum - 2**32 if checksum >= 2**31 else checksum


def _of_place(op: Op, earlier: Sequence[Payment], payment: Payment) -> float:
    placed = [event for event in earlier if event.transaction.latitude is not None]
    here = payment.transaction
    if not placed or here.latitude is None or here.longitude is None:
        return NAN
    # The newest by event time; of equals the one applied last.
    last = sorted(placed, key=time_of)[-1].transaction
    assert last.latitude is not None
    assert last.longitude is not None
    km = _kilometres(here.latitude, here.longitude, last.latitude, last.longitude)
    apart = max(abs(seconds(here.occurred_at) - seconds(last.occurred_at)), 60.0)
    return km if op == Op.KM else km / (apart / 3600.0)


def _kilometres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Along the great circle, by the angle between the two directions from the middle of the earth."""
    a, b = _direction(lat1, lon1), _direction(lat2, lon2)
    across = math.hypot(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return 6371.0088 * math.atan2(across, sum(x * y for x, y in zip(a, b, strict=True)))


def _direction(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, round_ = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(round_), math.cos(up) * math.sin(round_), math.sin(up)
