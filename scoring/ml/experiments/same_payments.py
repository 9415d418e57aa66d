"""Two models that score the same payments: what each would miss with as many alerts, and how true its scores are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.ml.datasets import FRAUD, Dataset
from scoring.ml.experiments.bootstrap import Paired, paired_by_card

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A mean over payments, the less the better: of each model, and second less first with its interval."""

    name: str
    payments: int
    first: float
    second: float
    difference: Paired


def compare_scores(
    payments: Dataset, first: Values, second: Values, *, alerts: float, chance: np.random.Generator
) -> list[Measure]:
    """Brier score, frauds missed, and by currency the money missed, when each flags its riskiest `alerts` (share, 0-1).

    payments: of known labels. first, second: probabilities (n,). With the same number of alerts the models differ in
    whom they flag, not in how many: no threshold is needed.
    """
    is_fraud = payments.labels == FRAUD
    missed = [is_fraud & ~_flagged(scores, alerts) for scores in (first, second)]
    brier = [(scores - is_fraud) ** 2 for scores in (first, second)]
    found = [
        _measure("brier", payments, brier, chance),
        _measure("frauds_missed", payments, [one.astype(np.float64) for one in missed], chance),
    ]
    for currency in np.unique(payments.currencies):
        rows = payments.currencies == currency
        money = [(one * payments.amounts)[rows] for one in missed]
        found.append(_measure(f"money_missed_{currency}", payments.where(rows), money, chance))
    return found


def _flagged(scores: Values, alerts: float) -> NDArray[np.bool_]:
    """The riskiest; of those with the same score the earlier ones."""
    flagged = np.zeros(len(scores), bool)
    flagged[np.argsort(-scores, kind="stable")[: round(alerts * len(scores))]] = True
    return flagged


def _measure(name: str, payments: Dataset, both: list[Values], chance: np.random.Generator) -> Measure:
    difference = paired_by_card(payments.cards, both[0], both[1], chance=chance)
    return Measure(name, len(payments), float(both[0].mean()), float(both[1].mean()), difference)
