"""The feature table said plainly and slowly: every value from the list of all that was applied before.

Shares no code with the kernel, only the table: for each row the sentence of its semantics, in Python.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean, median, pstdev

from scoring.features.definitions import DAY, FEATURES, HABIT_SIZE, HOUR, MINUTE, SMALL_AMOUNT, Feature, Op
from scoring.features.events import Event, FraudKnown, Payment

NAN = math.nan
WINDOWED = (Op.COUNT, Op.SUM, Op.MEAN, Op.FRAUDS, Op.FRAUD_RATE, Op.RATIO_TO_WINDOW_MEAN)


def reference_vector(before: Sequence[Event], payment: Payment) -> list[float]:
    """The vector of a payment after `before` was applied, in that order."""
    return [_value(feature, before, payment) for feature in FEATURES]


def seconds(time: datetime) -> float:
    return time.timestamp()


def time_of(event: Event) -> float:
    return seconds(event.known_at if isinstance(event, FraudKnown) else event.transaction.occurred_at)


def amount_of(event: Payment) -> float:
    return float(event.transaction.amount)


def _value(feature: Feature, before: Sequence[Event], payment: Payment) -> float:
    if feature.entity == "payment":
        return _of_payment(feature.op, payment)
    identity = getattr(payment.transaction, f"{feature.entity}_id")
    if not identity:
        return NAN
    own = [event for event in before if _identity(event, feature.entity) == identity]
    if feature.op in WINDOWED:
        return _of_window(feature, own, payment)
    if feature.op in (Op.DECAYED_COUNT, Op.DECAYED_AMOUNT, Op.DECAYED_FRAUDS):
        return _decayed(feature, own, payment)
    frauds = [event for event in own if isinstance(event, FraudKnown)]
    if feature.op == Op.SINCE_FRAUD:
        return _since(max(map(time_of, frauds), default=NAN), payment, feature.window)
    return _of_payments([event for event in own if isinstance(event, Payment)], feature, payment)


def _identity(event: Event, entity: str) -> str | None:
    holder = event if isinstance(event, FraudKnown) else event.transaction
    return getattr(holder, f"{entity}_id", None)


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
    if feature.op == Op.COUNT:
        return float(len(amounts))
    if feature.op == Op.SUM:
        return math.fsum(amounts)
    if feature.op == Op.FRAUDS:
        return frauds
    if not amounts:
        return NAN
    if feature.op == Op.FRAUD_RATE:
        return frauds / len(amounts)
    return fmean(amounts) if feature.op == Op.MEAN else amount_of(payment) / fmean(amounts)


def _inside(feature: Feature, own: Sequence[Event], payment: Payment) -> list[Event]:
    """What lies in the window: from its tail, rounded down to the hop, through the tile of the payment.

    A tile is kept until one a whole ring later takes its place; a late event whose tile is gone counts nowhere.
    """
    hop = _hop(feature.window)
    rings = [
        row.window // hop + 1
        for row in FEATURES
        if row.entity == feature.entity and row.op in WINDOWED
        and _hop(row.window) == hop and row.by_arrival == feature.by_arrival
    ]  # fmt: skip
    tiles = max(rings)
    if feature.by_arrival:
        own = [event for event in own if isinstance(event, Payment)]

    def tile_of(event: Event) -> int:
        if feature.by_arrival:
            assert isinstance(event, Payment)
            return math.floor(seconds(event.received_at) / hop)
        return math.floor(time_of(event) / hop)

    present = {tile_of(event) for event in own}
    head = tile_of(payment)
    kept = {
        tile for tile in range(head - feature.window // hop, head + 1)
        if not any(other > tile and (other - tile) % tiles == 0 for other in present)
    }  # fmt: skip
    return [event for event in own if tile_of(event) in kept]


def _decayed(feature: Feature, own: Sequence[Event], payment: Payment) -> float:
    """Each event weighs one half less per half-life; a late payment sees the total as of the newest event."""
    at = max([seconds(payment.transaction.occurred_at), *map(time_of, own)])
    total = 0.0
    for event in own:
        weight = 0.5 ** ((at - time_of(event)) / feature.window)
        if isinstance(event, FraudKnown):
            total += weight if feature.op == Op.DECAYED_FRAUDS else 0.0
        elif feature.op != Op.DECAYED_FRAUDS:
            total += weight * (amount_of(event) if feature.op == Op.DECAYED_AMOUNT else 1.0)
    return total


def _since(at: float, payment: Payment, cap: int) -> float:
    return min(max(seconds(payment.transaction.occurred_at) - at, 0.0), float(cap)) if not math.isnan(at) else NAN


def _of_payments(earlier: Sequence[Payment], feature: Feature, payment: Payment) -> float:
    op = feature.op
    if op == Op.SINCE_LAST:
        return _since(max(map(time_of, earlier), default=NAN), payment, feature.window)
    if op == Op.AGE:
        return _since(min(map(time_of, earlier), default=NAN), payment, feature.window)
    if op in (Op.KM, Op.KMH):
        return _of_place(op, earlier, payment)
    if op in (Op.IS_NEW, Op.DISTINCT):
        return _of_seen(feature, earlier, payment)
    if op == Op.SMALL_STREAK:
        return _small_streak(earlier)
    return _of_habit(op, [amount_of(event) for event in earlier][-HABIT_SIZE:], amount_of(payment))


def _small_streak(earlier: Sequence[Payment]) -> float:
    streak = 0
    while streak < len(earlier) and amount_of(earlier[-1 - streak]) < SMALL_AMOUNT:
        streak += 1
    return float(streak)


def _of_habit(op: Op, amounts: Sequence[float], amount: float) -> float:
    if not amounts:
        return NAN
    if op == Op.HABIT_RATIO:
        return amount / fmean(amounts)
    if op == Op.HABIT_MEDIAN_RATIO:
        return amount / median(amounts)
    if op == Op.HABIT_MAX_RATIO:
        return amount / max(amounts)
    assert op == Op.HABIT_DEVIATION
    if len(amounts) < 3:
        return NAN
    return (amount - fmean(amounts)) / max(pstdev(amounts), 0.01 * fmean(amounts))


def _of_seen(feature: Feature, earlier: Sequence[Payment], payment: Payment) -> float:
    attribute = "merchant_country" if feature.of == "country" else f"{feature.of}_id"
    seen: dict[str, float] = {}
    for event in earlier:
        value = getattr(event.transaction, attribute)
        if value:
            seen[value] = max(time_of(event), seen.get(value, 0.0))
    if feature.op == Op.IS_NEW:
        wanted = getattr(payment.transaction, attribute)
        return float(wanted not in seen) if wanted else NAN
    hop = _hop(feature.window)
    tail = math.floor((seconds(payment.transaction.occurred_at) - feature.window) / hop) * hop
    return float(sum(last >= tail for last in seen.values()))


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
