"""Why a model flags a payment: contributions of features, summed by family and put into words. Pure."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, Feature, Op
from scoring.ml.wording import fill_words, sentence

__all__ = ["FAMILY_OF", "Reason", "explain", "fill_words"]

# Less moves the odds by under a tenth: nothing an analyst should spend a line on.
LEAST_CONTRIBUTION = 0.1

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
    totals: dict[str, float] = dict.fromkeys(FAMILY_OF, 0.0)
    for family, share in zip(FAMILY_OF, contributions[:-1], strict=True):
        totals[family] += float(share)
    raising = [family for family, total in totals.items() if total >= LEAST_CONTRIBUTION]
    lowering = min(totals, key=totals.__getitem__)
    told = raising + ([lowering] if totals[lowering] <= -LEAST_CONTRIBUTION else [])
    told = sorted(told, key=lambda family: -abs(totals[family]))[:limit]
    told.sort(key=lambda family: totals[family] < 0.0)
    return [
        Reason(code=family, words=_words(family, totals[family], contributions, vector, currency),
               contribution=round(totals[family], 4))
        for family in told
    ]  # fmt: skip


def _words(
    family: str, total: float, contributions: NDArray[np.float32], vector: NDArray[np.float32], currency: str
) -> str:
    """Words of the member that pulls hardest the family's way; one that pulls back would contradict it."""
    members = [index for index, name in enumerate(FAMILY_OF) if name == family]
    strongest = max(members, key=lambda index: float(contributions[index]) * np.sign(total))
    return sentence(FEATURES[strongest], vector, currency=currency)
