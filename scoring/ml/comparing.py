"""Two models on the same payments: which is better, and how sure that is. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.ml.metrics import calibration

Floats = NDArray[np.float64]
# Enough for an interval of 95 % whose ends move by a few hundredths of its width.
RESAMPLES = 400
SEED = 20260901


@dataclass(frozen=True)
class Scored:
    """Payments, a row each, with the scores of both models.

    labels: 0 or 1. cards: int64 codes. amounts: float64, of one currency where `counts_amount`; the others count for
    nothing in the value that is missed.
    """

    labels: NDArray[np.int8]
    cards: NDArray[np.int64]
    amounts: Floats
    counts_amount: NDArray[np.bool_]
    scores: Floats
    champion_scores: Floats


@dataclass(frozen=True)
class Figure:
    """One measure of both models; the difference (model - champion) with its interval at 95 %."""

    model: float
    champion: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """average_precision: more is better. missed: share of the fraud's value among payments that the riskiest
    `flagged` of each model leave out, less is better; None where no fraud is in the currency. errors: expected
    calibration errors of the model and the champion.
    """

    rows: int
    frauds: int
    cards: int
    flagged: int
    average_precision: Figure
    missed: Figure | None
    errors: tuple[float, float]


def compare(scored: Scored, *, flagged: int, resamples: int = RESAMPLES, seed: int = SEED) -> Compared:
    """Compare on at least one fraud and one other payment. Same input, same figures.

    The bootstrap draws cards, not payments, and the same cards for both models: payments of a card are alike, and what
    makes a sample easy for one model makes it easy for the other. Source: B. Efron, R. Tibshirani, An Introduction to
    the Bootstrap (1993), chapters 8 and 13.
    """
    names, card_of = np.unique(scored.cards, return_inverse=True)
    share = flagged / len(scored.labels)
    rankings = [_Ranking(scored, scores, card_of, share) for scores in (scored.scores, scored.champion_scores)]
    whole = np.array([ranking.measures(np.ones(len(names), np.int64)) for ranking in rankings])
    rng = np.random.default_rng(seed)
    draws = (np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)) for _ in range(resamples))
    drawn = np.array([[ranking.measures(weights) for ranking in rankings] for weights in draws])
    precision, missed = (_figure(whole[:, place], drawn[:, :, place]) for place in (0, 1))
    return Compared(
        rows=len(scored.labels),
        frauds=int(scored.labels.sum()),
        cards=len(names),
        flagged=flagged,
        average_precision=precision,
        missed=None if np.isnan(whole[0, 1]) else missed,
        errors=(
            calibration(scored.labels, scored.scores)["expected_calibration_error"],
            calibration(scored.labels, scored.champion_scores)["expected_calibration_error"],
        ),
    )


def _figure(whole: Floats, drawn: Floats) -> Figure:
    """whole: of the model and the champion. drawn: the same of each resample, NaN without fraud in it."""
    differences = drawn[:, 0] - drawn[:, 1]
    known = differences[~np.isnan(differences)]
    # Where no resample holds a fraud, nothing is known.
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (-1.0, 1.0)
    return Figure(float(whole[0]), float(whole[1]), float(whole[0] - whole[1]), float(low), float(high))


class _Ranking:
    """Payments from the highest score down; only what is needed of them for weights by card, again and again."""

    def __init__(self, scored: Scored, scores: Floats, card_of: NDArray[np.int64], flagged: float) -> None:
        order = np.argsort(-scores, kind="stable")
        self._cards, self._flagged = card_of[order], flagged
        self._frauds = np.flatnonzero(scored.labels[order] == 1)
        # Payments of one score are taken together, as scikit-learn does it: a fraud counts at the end of its tie.
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        self._ends = ends[np.searchsorted(ends, self._frauds)]
        self._last_of_tie = np.searchsorted(self._ends, self._ends, side="right") - 1
        self._values = np.where(scored.counts_amount, scored.amounts, 0.0)[order][self._frauds]

    def measures(self, weights: NDArray[np.int64]) -> tuple[float, float]:
        """Average precision, and the share of value missed; NaN without fraud or value. weights: by card."""
        of_rows = weights[self._cards]
        seen = np.cumsum(of_rows)
        caught = of_rows[self._frauds]
        total, value = caught.sum(), caught @ self._values
        precisions = np.cumsum(caught)[self._last_of_tie] / np.maximum(seen[self._ends], 1)
        precision = caught @ precisions / total if total else np.nan
        # A resample has some payments more or fewer: the same share of them is flagged.
        is_behind = seen[self._frauds] > self._flagged * seen[-1]
        return float(precision), float((caught * is_behind) @ self._values / value) if value else np.nan
