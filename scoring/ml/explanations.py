"""Why a model flags a payment: contributions of features, summed by family and put into words. Pure."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, INDEX, Feature, Op
from scoring.ml.wording import fill_words, sentence, usual_text, value_text

__all__ = ["FAMILY_OF", "Family", "Reason", "explain", "families", "fill_words"]

# Less moves the odds by under a tenth: nothing an analyst should spend a line on.
LEAST_CONTRIBUTION = 0.1
# Of fewer payments nobody would say that something is usual.
LEAST_TO_COMPARE = 3
# What is usual shows in so many of a card's payments.
HABIT_PAYMENTS = 30

_FAMILIES: dict[str, dict[Op, str]] = {
    "payment": {
        Op.AMOUNT: "amount",
        Op.HOUR: "clock",
        Op.WEEKEND: "clock",
        Op.REMOTE: "channel",
        Op.CROSS_BORDER: "geography",
    },
    "card": {
        Op.COUNT: "velocity",
        Op.DECAYED_COUNT: "velocity",
        Op.DISTINCT: "velocity",
        Op.SUM: "spending",
        Op.DECAYED_AMOUNT: "spending",
        Op.MEAN: "spending",
        # How large an amount is and how unusual for its card say one thing to a reader.
        Op.HABIT_RATIO: "amount",
        Op.HABIT_DEVIATION: "amount",
        Op.HABIT_MEDIAN_RATIO: "amount",
        Op.HABIT_MAX_RATIO: "amount",
        Op.SINCE_LAST: "recency",
        Op.AGE: "recency",
        Op.SMALL_STREAK: "card_testing",
        Op.DECLINE_STREAK: "card_testing",
        Op.RATIO_TO_DAILY_SUM: "spending",
        Op.DECAYED_DEVIATION: "amount",
        Op.DECAYED_HIGH: "amount",
        Op.HABIT_HOUR_SHARE: "clock",
        Op.HABIT_WEEKEND_SHARE: "clock",
        Op.FRAUDS: "card_risk",
        Op.KM: "geography",
        Op.KMH: "geography",
    },
    "merchant": {
        Op.FRAUDS: "merchant_risk",
        Op.FRAUD_RATE: "merchant_risk",
        Op.DECAYED_FRAUDS: "merchant_risk",
        Op.DECAYED_FRAUD_AMOUNT: "merchant_risk",
        Op.SINCE_FRAUD: "merchant_risk",
        Op.SINCE_FIRST_FRAUD: "merchant_risk",
        Op.FRAUD_DAYS: "merchant_risk",
    },
}
_NOVELTY = {"merchant": "novelty", "device": "device", "country": "geography"}


class Reason(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line for an analyst. `contribution`: log-odds, above 0 towards fraud; none for rules and lists."""

    code: str
    words: str
    contribution: float | None = None


class Family(msgspec.Struct, frozen=True, gc=False):
    """What features that say one thing together add to the log-odds, in words, beside what is usual for the card.

    `usual` is empty where there is nothing to compare with.
    """

    code: str
    contribution: float
    words: str
    usual: str = ""


def _family_of(feature: Feature) -> str:
    if feature.op == Op.IS_NEW:
        return _NOVELTY[feature.of]
    return _FAMILIES.get(feature.entity, {}).get(feature.op, feature.entity)


FAMILY_OF: tuple[str, ...] = tuple(_family_of(feature) for feature in FEATURES)


def explain(
    contributions: NDArray[np.float32], vector: NDArray[np.float32], *, currency: str, limit: int = 5
) -> list[Reason]:
    """At most `limit` reasons, the strongest first; at most one that speaks for the payment, and that last.

    contributions: float32 (features + 1,) as of `Model.contributions`. vector: float32 (features,).
    """
    totals = _totals(contributions)
    raising = [family for family, total in totals.items() if total >= LEAST_CONTRIBUTION]
    lowering = min(totals, key=totals.__getitem__)
    told = raising + ([lowering] if totals[lowering] <= -LEAST_CONTRIBUTION else [])
    told = sorted(told, key=lambda family: -abs(totals[family]))[:limit]
    told.sort(key=lambda family: totals[family] < 0.0)
    return [
        Reason(code=family, words=sentence(_told_of(family, totals[family], contributions), vector, currency=currency),
               contribution=round(totals[family], 4))
        for family in told
    ]  # fmt: skip


def families(
    contributions: NDArray[np.float32],
    vector: NDArray[np.float32],
    earlier: NDArray[np.float32],
    *,
    currency: str,
    is_mixed: bool = False,
) -> list[Family]:
    """All families that add anything, the strongest first, each beside what is usual for the card.

    contributions: float32 (features + 1,). vector: float32 (features,). earlier: float32 (payments, features), those of
    the card's payments before this one. is_mixed: its habit is of several currencies, and no usual amount is told.
    """
    totals = _totals(contributions)
    told = sorted((name for name in totals if totals[name] != 0.0), key=lambda name: -abs(totals[name]))
    found = []
    for name in told:
        feature = _told_of(name, totals[name], contributions)
        words = sentence(feature, vector, currency=currency)
        usual = "" if is_mixed and feature.op in _ABOUT_AMOUNT else _usual(feature, vector, earlier, currency)
        found.append(Family(name, round(totals[name], 6), words, usual))
    return found


def _totals(contributions: NDArray[np.float32]) -> dict[str, float]:
    totals: dict[str, float] = dict.fromkeys(FAMILY_OF, 0.0)
    for family, share in zip(FAMILY_OF, contributions[:-1], strict=True):
        totals[family] += float(share)
    return totals


def _told_of(family: str, total: float, contributions: NDArray[np.float32]) -> Feature:
    """The member that pulls hardest the family's way; one that pulls back would contradict it."""
    members = [index for index, name in enumerate(FAMILY_OF) if name == family]
    return FEATURES[max(members, key=lambda index: float(contributions[index]) * np.sign(total))]


# What the payment's shop or its frauds say is no habit of the card.
_OF_CARD = frozenset(("payment", "card", "customer", "device"))
_NO_HABIT = frozenset((Op.FRAUDS, Op.FRAUD_RATE, Op.DECAYED_FRAUDS, Op.SINCE_FRAUD, Op.AGE))
_ABOUT_AMOUNT = frozenset((Op.AMOUNT, Op.HABIT_RATIO, Op.HABIT_DEVIATION, Op.HABIT_MEDIAN_RATIO, Op.HABIT_MAX_RATIO))


def _usual(feature: Feature, vector: NDArray[np.float32], earlier: NDArray[np.float32], currency: str) -> str:
    if feature.op in _ABOUT_AMOUNT:
        return _usual_amount(feature, vector, currency)
    values = earlier[:, INDEX[feature.name]]
    is_told = feature.entity in _OF_CARD and feature.op not in _NO_HABIT and not np.isnan(vector[INDEX[feature.name]])
    if not is_told or int((~np.isnan(values)).sum()) < LEAST_TO_COMPARE:
        return ""
    return f"this card's usual is {usual_text(feature, values, currency=currency)}"


def _usual_amount(told: Feature, vector: NDArray[np.float32], currency: str) -> str:
    """What the card usually pays, as the vector of the decision knew it; beside a ratio also what was paid."""
    of_op = {row.op: row for row in FEATURES if row.op in (Op.AMOUNT, Op.HABIT_MEDIAN_RATIO)}
    if len(of_op) < 2:
        return ""
    amount, ratio = (float(vector[INDEX[of_op[op].name]]) for op in (Op.AMOUNT, Op.HABIT_MEDIAN_RATIO))
    if not ratio > 0.0:
        return ""
    paid, usual = (value_text(of_op[Op.AMOUNT], value, currency=currency) for value in (amount, amount / ratio))
    beside = "" if told.op == Op.AMOUNT else f"{paid}; "
    return f"{beside}this card usually pays {usual} (the median of its last 30 payments at most)"
