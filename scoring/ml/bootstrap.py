"""How sure figures of a ranking are: cards drawn again, with all their payments. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

# Enough for the ends of a 95 % interval to stand to about a tenth of its width.
RESAMPLES = 300
# Alerts are few: figures at the share of payments with the highest scores that a desk may look at.
ALERT_SHARE = 0.01

Floats = NDArray[np.float64]


class Ranked:
    """Payments by falling score, with what a resample of their cards gives. Payments of one score are one step."""

    def __init__(self, labels: NDArray[np.int8], scores: Floats, cards: NDArray[np.int64]) -> None:
        order = np.argsort(-scores, kind="stable")
        self._frauds = (labels[order] == 1).astype(np.float64)
        names, self._card_of = np.unique(cards[order], return_inverse=True)
        self._cards = len(names)
        self._ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))

    def figures(self) -> dict[str, float]:
        """Of the payments as they are."""
        return self._weighted(np.ones(len(self._frauds)))

    def intervals(self, *, seed: int, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
        """From where to where each figure lies in 95 of 100 resamples of the cards; none where all had one class.

        Payments of a card are alike: drawing single payments would make the intervals too narrow.
        Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), percentile intervals; clusters: A.
        Davison and D. Hinkley, Bootstrap Methods and their Application (1997), 3.8.
        """
        chance = np.random.default_rng(seed)
        drawn: list[Mapping[str, float]] = []
        for _ in range(resamples):
            counts = np.bincount(chance.integers(0, self._cards, self._cards), minlength=self._cards)
            if found := self._weighted(counts[self._card_of].astype(np.float64)):
                drawn.append(found)
        if not drawn:
            return {}
        return {name: _middle([one[name] for one in drawn]) for name in drawn[0]}

    def _weighted(self, weights: Floats) -> dict[str, float]:
        """Empty where a class is missing."""
        caught = np.cumsum(weights * self._frauds)[self._ends]
        stopped = np.cumsum(weights)[self._ends]
        frauds, every = float(caught[-1]), float(stopped[-1])
        if not 0.0 < frauds < every:
            return {}
        alerts = int(np.searchsorted(stopped, ALERT_SHARE * every))
        precision = caught / np.maximum(stopped, 1.0)
        return {
            "average_precision": float(np.sum(np.diff(caught, prepend=0.0) * precision) / frauds),
            "auc_roc": _area(caught, stopped - caught),
            "precision_at_alerts": float(precision[alerts]),
            "recall_at_alerts": float(caught[alerts] / frauds),
        }


def _area(caught: Floats, false: Floats) -> float:
    """Under the ROC curve, by trapezes."""
    steps = np.diff(false, prepend=0.0) * (caught + np.concatenate([[0.0], caught[:-1]])) / 2.0
    return float(steps.sum() / (caught[-1] * false[-1]))


def _middle(values: list[float]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
