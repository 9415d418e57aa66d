"""In what two payments resemble each other, in words. Pure."""

from scoring.features.definitions import FEATURES
from scoring.ml.anomaly import Anomaly, Floats
from scoring.ml.explanations import FAMILY_OF
from scoring.ml.wording import sentence

# In spreads of the values: nearer the middle than this, agreeing says nothing, most payments do.
LEAST_AGREEMENT = 0.5
MOST_TOLD = 3


def resemblances(anomaly: Anomaly, one: Floats, other: Floats, *, currency: str) -> list[str]:
    """At most three sentences about `other`, of features in which both lie far from the usual and near each other.

    one, other: float32 (d,). currency: of `other`. One of each family: `card_count_1h` and `card_count_24h` say
    one thing to a reader. Empty where nothing stands out.
    """
    ours, theirs = anomaly.scaled(one.reshape(1, -1))[0], anomaly.scaled(other.reshape(1, -1))[0]
    told: dict[str, int] = {}
    # How far both lie from the middle on the same side, less what lies between them.
    agreement = [
        min(abs(a), abs(b)) - abs(a - b) if a * b > 0.0 else 0.0
        for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)
    ]
    for place in sorted(range(len(FEATURES)), key=lambda place: -agreement[place]):
        if agreement[place] < LEAST_AGREEMENT or len(told) == MOST_TOLD:
            break
        told.setdefault(FAMILY_OF[place], place)
    return [sentence(FEATURES[place], other, currency=currency) for place in told.values()]
