"""The feature table: every feature is one row here, and nowhere else.

Both engines read this table; `VERSION` names it on every decision and model. A change of the table is a new version:
stored vectors keep the version they were computed with.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

MINUTE, HOUR, DAY = 60, 3600, 86400

Entity = Literal["card", "customer", "merchant", "device", "ip", "payment"]
Unit = Literal[
    "payments", "money", "times", "deviations", "seconds", "share", "flag", "km", "km/h", "hour", "entities", "days"
]


class Op(IntEnum):
    """What is computed. The kernel in `windows.py` has one branch for each."""

    AMOUNT = 0
    HOUR = 1
    WEEKEND = 2
    REMOTE = 3
    CROSS_BORDER = 4
    COUNT = 10
    SUM = 11
    MEAN = 12
    FRAUDS = 13
    FRAUD_RATE = 14
    RATIO_TO_WINDOW_MEAN = 15
    RATIO_TO_DAILY_SUM = 16
    SINCE_FIRST_FRAUD = 17
    FRAUD_DAYS = 18
    SINCE_LAST = 20
    AGE = 21
    SINCE_FRAUD = 22
    HABIT_RATIO = 30
    HABIT_DEVIATION = 31
    HABIT_MEDIAN_RATIO = 32
    HABIT_MAX_RATIO = 33
    HABIT_HOUR_SHARE = 34
    HABIT_WEEKEND_SHARE = 35
    DECAYED_COUNT = 40
    DECAYED_AMOUNT = 41
    DECAYED_FRAUDS = 42
    DECAYED_DEVIATION = 43
    DECAYED_HIGH = 44
    DECAYED_FRAUD_AMOUNT = 45
    IS_NEW = 50
    DISTINCT = 51
    KM = 60
    KMH = 61
    SMALL_STREAK = 70
    DECLINE_STREAK = 71


@dataclass(frozen=True)
class Feature:
    """A row of the table.

    `window` is in seconds: a window, a half-life for the decayed, a cap for the recency rows. `of` names what is
    looked at among the entity's own (the merchants of a card). `lag`, in seconds: frauds of the window are held against
    payments of the window so long before. `words` is what an analyst reads, `empty` what stands
    there when the value is missing, `words_off` when a flag is 0. In `words`, `{value}` is this row's value, `{s}` the
    plural ending that goes with it, `{name}` the value of another row.
    """

    name: str
    entity: Entity
    op: Op
    unit: Unit
    words: str
    window: int = 0
    lag: int = 0
    of: str = ""
    by_arrival: bool = False
    empty: str = ""
    words_off: str = ""


VERSION = "3"

# A payment below this is "small": the size card testers use to see whether a card lives.
SMALL_AMOUNT = 2.0
# The habit of a card: its last 30 payments (the median of 30 was among the strong features).
HABIT_SIZE = 30
# Two payments are at the same time of day when their hours are at most this far apart, midnight no border.
HABIT_HOURS = 2
# A deviation beyond it says no more than this: one huge payment must not stand for a month of them.
MOST_DEVIATION = 3.0
# A payment is high above so many times the card's usual amount, the median of its habit, which a third of high payments
# hardly moves. Of 2.5 and 3 the latter ranked better on the weeks kept for tuning (docs/performance.md).
HIGH_AMOUNT = 3.0
# With fewer payments a card has no usual amount, and no deviation from it.
LEAST_HABIT = 3
# Most frauds become known some days after they happened: frauds that became known in a window were mostly among the
# payments of the window so long before. A week is the delay that the protocol of `scoring/ml/protocol.py` waits.
USUAL_LABEL_DELAY = 7 * DAY
# How many of an entity's merchants, devices, countries and cards are remembered, least recently seen dropped first.
SEEN_SIZES = {
    ("card", "merchant"): 24,
    ("card", "device"): 6,
    ("card", "country"): 6,
    ("customer", "card"): 8,
    ("device", "card"): 12,
    ("ip", "card"): 16,
}

FEATURES: tuple[Feature, ...] = (
    Feature("amount", "payment", Op.AMOUNT, "money", "The amount is {value}"),
    Feature("hour_of_day", "payment", Op.HOUR, "hour", "It was paid at {value} UTC"),
    Feature("is_weekend", "payment", Op.WEEKEND, "flag", "Paid at the weekend", words_off="Paid on a weekday"),
    Feature(
        "is_remote",
        "payment",
        Op.REMOTE,
        "flag",
        "Paid online or by phone, without the card present",
        words_off="Paid with the card present",
    ),
    Feature(
        "is_cross_border",
        "payment",
        Op.CROSS_BORDER,
        "flag",
        "The shop is in another country than the card",
        words_off="The shop is not known to be in another country than the card",
    ),
    # velocity
    Feature(
        "card_count_5m",
        "card",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this card in 5 minutes",
        window=5 * MINUTE,
    ),
    Feature(
        "card_count_1h",
        "card",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this card in the last hour; {card_count_24h} in 24 hours",
        window=HOUR,
    ),
    Feature(
        "card_count_24h",
        "card",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this card in 24 hours; {card_count_30d} in 30 days",
        window=DAY,
    ),
    Feature(
        "card_count_7d",
        "card",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this card in 7 days",
        window=7 * DAY,
    ),
    Feature(
        "card_count_30d",
        "card",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this card in 30 days",
        window=30 * DAY,
    ),
    Feature(
        "card_arrivals_1h",
        "card",
        Op.COUNT,
        "payments",
        "{value} payment{s} by this card reached us in the last hour",
        window=HOUR,
        by_arrival=True,
    ),
    Feature(
        "card_decayed_count_1d",
        "card",
        Op.DECAYED_COUNT,
        "payments",
        "{value} recent payment{s} by this card, newer ones weighing more",
        window=DAY,
    ),
    Feature(
        "card_merchants_24h",
        "card",
        Op.DISTINCT,
        "entities",
        "This card paid at {value} different shop{s} in 24 hours",
        window=DAY,
        of="merchant",
    ),
    # amounts against habit
    Feature("card_amount_24h", "card", Op.SUM, "money", "This card spent {value} in 24 hours before this", window=DAY),
    Feature(
        "card_decayed_amount_1d",
        "card",
        Op.DECAYED_AMOUNT,
        "money",
        "This card recently spent {value}, newer payments weighing more",
        window=DAY,
    ),
    Feature(
        "card_spend_share",
        "card",
        Op.RATIO_TO_DAILY_SUM,
        "times",
        "The amount is {value} what this card usually spends in a day",
        window=30 * DAY,
        empty="This card spent nothing in 30 days to compare the amount with",
    ),
    Feature(
        "card_amount_mean_7d",
        "card",
        Op.MEAN,
        "money",
        "This card's payments of 7 days average {value}",
        window=7 * DAY,
        empty="This card made no payment in 7 days",
    ),
    Feature(
        "card_amount_mean_30d",
        "card",
        Op.MEAN,
        "money",
        "This card's payments of 30 days average {value}",
        window=30 * DAY,
        empty="This card made no payment in 30 days",
    ),
    Feature(
        "card_amount_ratio",
        "card",
        Op.HABIT_RATIO,
        "times",
        "The amount is {value} this card's average",
        empty="This card has no payments to compare the amount with",
    ),
    Feature(
        "card_amount_deviation",
        "card",
        Op.HABIT_DEVIATION,
        "deviations",
        "The amount is {value} this card's average",
        empty="This card has too few payments to know its habit",
    ),
    Feature(
        "card_amount_median_ratio",
        "card",
        Op.HABIT_MEDIAN_RATIO,
        "times",
        "The amount is {value} this card's usual one",
        empty="This card has no usual amount yet",
    ),
    Feature(
        "card_amount_max_ratio",
        "card",
        Op.HABIT_MAX_RATIO,
        "times",
        "The amount is {value} the largest of this card's last 30 payments",
        empty="This card has no largest payment yet to compare the amount with",
    ),
    Feature(
        "card_deviation_decayed_7d",
        "card",
        Op.DECAYED_DEVIATION,
        "deviations",
        "Recent payments of this card together lie {value} its habit, newer ones weighing more",
        window=7 * DAY,
    ),
    Feature(
        "card_decayed_high_1d",
        "card",
        Op.DECAYED_HIGH,
        "payments",
        "{value} payment{s} by this card over 3 times its usual amount, halved in weight each day",
        window=DAY,
    ),
    Feature(
        "card_decayed_high_3d",
        "card",
        Op.DECAYED_HIGH,
        "payments",
        "{value} payment{s} by this card over 3 times its usual amount, halved in weight each 3 days",
        window=3 * DAY,
    ),
    Feature(
        "card_decayed_high_7d",
        "card",
        Op.DECAYED_HIGH,
        "payments",
        "{value} payment{s} by this card over 3 times its usual amount, halved in weight each 7 days",
        window=7 * DAY,
    ),
    Feature(
        "card_decayed_high_14d",
        "card",
        Op.DECAYED_HIGH,
        "payments",
        "{value} payment{s} by this card over 3 times its usual amount, halved in weight each 14 days",
        window=14 * DAY,
    ),
    Feature(
        "card_hour_share",
        "card",
        Op.HABIT_HOUR_SHARE,
        "share",
        "{value} of this card's last 30 payments were made at this time of day",
        empty="This card has no usual time of day yet",
    ),
    Feature(
        "card_weekend_share",
        "card",
        Op.HABIT_WEEKEND_SHARE,
        "share",
        "{value} of this card's last 30 payments were made on this kind of day, weekday or weekend",
        empty="This card has no usual kind of day yet",
    ),
    Feature(
        "card_small_streak",
        "card",
        Op.SMALL_STREAK,
        "payments",
        "{value} payment{s} under 2.00 in a row just before this one",
    ),
    Feature(
        "card_decline_streak",
        "card",
        Op.DECLINE_STREAK,
        "payments",
        "{value} payment{s} of this card in a row declined just before this one",
    ),
    Feature(
        "card_frauds_30d",
        "card",
        Op.FRAUDS,
        "payments",
        "{value} confirmed fraud{s} with this card in 30 days",
        window=30 * DAY,
    ),
    # recency and novelty
    Feature(
        "card_since_last",
        "card",
        Op.SINCE_LAST,
        "seconds",
        "This card's last payment was {value} before",
        window=30 * DAY,
        empty="This is the card's first payment here",
    ),
    Feature(
        "card_age",
        "card",
        Op.AGE,
        "seconds",
        "This card has been known for {value}",
        window=60 * DAY,
        empty="This card was never seen before",
    ),
    Feature(
        "card_is_new_merchant",
        "card",
        Op.IS_NEW,
        "flag",
        "This card never paid at this shop before",
        of="merchant",
        words_off="This card has paid at this shop before",
    ),
    Feature(
        "card_is_new_device",
        "card",
        Op.IS_NEW,
        "flag",
        "This device is new for this card",
        of="device",
        empty="No device was given",
        words_off="This card has used this device before",
    ),
    Feature(
        "card_is_new_country",
        "card",
        Op.IS_NEW,
        "flag",
        "This country is new for this card",
        of="country",
        empty="No country was given",
        words_off="This card has paid in this country before",
    ),
    # geography
    Feature("card_km", "card", Op.KM, "km", "{value} from this card's last place", empty="No place to compare with"),
    Feature(
        "card_kmh",
        "card",
        Op.KMH,
        "km/h",
        "From this card's last place it would have travelled at {value}",
        empty="No place to compare with",
    ),
    # customer
    Feature(
        "customer_count_24h",
        "customer",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} by this customer in 24 hours",
        window=DAY,
        empty="No customer was given",
    ),
    Feature(
        "customer_amount_24h",
        "customer",
        Op.SUM,
        "money",
        "This customer spent {value} in 24 hours before this",
        window=DAY,
        empty="No customer was given",
    ),
    Feature(
        "customer_cards_7d",
        "customer",
        Op.DISTINCT,
        "entities",
        "This customer paid with {value} card{s} in 7 days",
        window=7 * DAY,
        of="card",
        empty="No customer was given",
    ),
    # merchant
    Feature(
        "merchant_count_24h",
        "merchant",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} at this shop in 24 hours",
        window=DAY,
    ),
    Feature(
        "merchant_count_30d",
        "merchant",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} at this shop in 30 days",
        window=30 * DAY,
    ),
    Feature(
        "merchant_amount_ratio",
        "merchant",
        Op.RATIO_TO_WINDOW_MEAN,
        "times",
        "The amount is {value} the average at this shop",
        window=30 * DAY,
        empty="This shop has no payments in 30 days",
    ),
    Feature(
        "merchant_fraud_rate_1d",
        "merchant",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in a day amount to {value} of this shop's payments",
        window=DAY,
        empty="This shop had no payments in a day",
    ),
    Feature(
        "merchant_fraud_rate_7d",
        "merchant",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 7 days amount to {value} of this shop's payments",
        window=7 * DAY,
        empty="This shop had no payments in 7 days",
    ),
    Feature(
        "merchant_fraud_rate_30d",
        "merchant",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 30 days amount to {value} of this shop's payments",
        window=30 * DAY,
        empty="This shop had no payments in 30 days",
    ),
    Feature(
        "merchant_late_fraud_rate_3d",
        "merchant",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 3 days amount to {value} of this shop's payments of a week before those",
        window=3 * DAY,
        lag=USUAL_LABEL_DELAY,
        empty="This shop had no payments in 3 days a week before",
    ),
    Feature(
        "merchant_late_fraud_rate_7d",
        "merchant",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 7 days amount to {value} of this shop's payments of a week before those",
        window=7 * DAY,
        lag=USUAL_LABEL_DELAY,
        empty="This shop had no payments in 7 days a week before",
    ),
    Feature(
        "merchant_decayed_frauds_1d",
        "merchant",
        Op.DECAYED_FRAUDS,
        "payments",
        "{value} confirmed fraud{s} at this shop, halved in weight each day",
        window=DAY,
    ),
    Feature(
        "merchant_decayed_frauds_3d",
        "merchant",
        Op.DECAYED_FRAUDS,
        "payments",
        "{value} confirmed fraud{s} at this shop, halved in weight each 3 days",
        window=3 * DAY,
    ),
    Feature(
        "merchant_decayed_frauds_7d",
        "merchant",
        Op.DECAYED_FRAUDS,
        "payments",
        "{value} recently confirmed fraud{s} at this shop, newer ones weighing more",
        window=7 * DAY,
    ),
    Feature(
        "merchant_since_fraud",
        "merchant",
        Op.SINCE_FRAUD,
        "seconds",
        "The last confirmed fraud at this shop became known {value} before",
        window=60 * DAY,
        empty="This shop has no confirmed fraud",
    ),
    Feature(
        "merchant_since_first_fraud_30d",
        "merchant",
        Op.SINCE_FIRST_FRAUD,
        "seconds",
        "The first of the frauds confirmed in 30 days at this shop became known {value} before",
        window=30 * DAY,
        empty="This shop has no confirmed fraud in 30 days",
    ),
    Feature(
        "merchant_fraud_days_30d",
        "merchant",
        Op.FRAUD_DAYS,
        "days",
        "Frauds at this shop were confirmed on {value} of the last 30 days",
        window=30 * DAY,
    ),
    Feature(
        "merchant_fraud_amount_7d",
        "merchant",
        Op.DECAYED_FRAUD_AMOUNT,
        "money",
        "Confirmed frauds at this shop average {value}, newer ones weighing more",
        window=7 * DAY,
        empty="This shop has no confirmed fraud",
    ),
    # device
    Feature(
        "device_count_1h",
        "device",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} from this device in an hour",
        window=HOUR,
        empty="No device was given",
    ),
    Feature(
        "device_count_7d",
        "device",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} from this device in 7 days",
        window=7 * DAY,
        empty="No device was given",
    ),
    Feature(
        "device_cards_7d",
        "device",
        Op.DISTINCT,
        "entities",
        "This device paid with {value} card{s} in 7 days",
        window=7 * DAY,
        of="card",
        empty="No device was given",
    ),
    Feature(
        "device_frauds_30d",
        "device",
        Op.FRAUDS,
        "payments",
        "{value} confirmed fraud{s} from this device in 30 days",
        window=30 * DAY,
        empty="No device was given",
    ),
    Feature(
        "device_fraud_rate_30d",
        "device",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 30 days amount to {value} of this device's payments",
        window=30 * DAY,
        empty="This device had no payments in 30 days",
    ),
    # network address
    Feature(
        "ip_count_1h",
        "ip",
        Op.COUNT,
        "payments",
        "{value} earlier payment{s} from this network address in an hour",
        window=HOUR,
        empty="No network address was given",
    ),
    Feature(
        "ip_cards_24h",
        "ip",
        Op.DISTINCT,
        "entities",
        "This network address paid with {value} card{s} in 24 hours",
        window=DAY,
        of="card",
        empty="No network address was given",
    ),
    Feature(
        "ip_fraud_rate_30d",
        "ip",
        Op.FRAUD_RATE,
        "share",
        "Frauds confirmed in 30 days amount to {value} of this network address's payments",
        window=30 * DAY,
        empty="This network address had no payments in 30 days",
    ),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
BY_NAME: dict[str, Feature] = {feature.name: feature for feature in FEATURES}


def hop_of(window: int) -> int:
    """Seconds to which the tail of a window is rounded down: 5 min up to 1 h, 1 h up to 24 h, else 1 day."""
    if window <= HOUR:
        return 5 * MINUTE
    return HOUR if window <= DAY else DAY
