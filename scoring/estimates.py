"""What a random sample says of all payments: frauds that were missed, recall, shares; with 95 % intervals. Pure."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from scoring.intervals import Z

Truths = NDArray[np.bool_]
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and where it lies 95 times of 100."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """Payments drawn with known chances, each by itself: what they were, and whether that is known.

    chances: float64 (n,), above 0 and up to 1. is_fraud: bool (n,). is_reviewed: bool (n,), False where nobody has
    judged the payment yet; `is_fraud` is not looked at there. Who is not reviewed yet is taken to be like the others.
    """

    chances: Weights
    is_fraud: Truths
    is_reviewed: Truths

    def __post_init__(self) -> None:
        if not len(self.chances) == len(self.is_fraud) == len(self.is_reviewed):
            raise ValueError("chances, is_fraud and is_reviewed differ in length")
        if not np.all((self.chances > 0) & (self.chances <= 1)):
            raise ValueError("chances must be above 0 and up to 1: what could not be drawn has no weight")

    @property
    def reviewed(self) -> int:
        return int(self.is_reviewed.sum())

    @property
    def frauds(self) -> int:
        return int((self.is_fraud & self.is_reviewed).sum())

    @property
    def population(self) -> float:
        """How many payments it was drawn from, estimated: Horvitz and Thompson's sum of 1 / chance."""
        return float((1 / self.chances).sum())

    def weights(self) -> tuple[Weights, Truths]:
        """Of the reviewed ones, how many payments each stands for; and what they were."""
        weights = 1 / self.chances[self.is_reviewed]
        # Those not reviewed yet are stood for by the others.
        share = weights.sum() / self.population if self.reviewed else 1.0
        return weights / share, self.is_fraud[self.is_reviewed]


def frauds_of(sample: Sample) -> Estimate | None:
    """Frauds among all the payments the sample was drawn from; None where nothing was reviewed.

    Few frauds are found where they are rare, so their number is taken as Poisson's: the interval is the score interval
    of a rate, on the number of frauds that weigh alike. At none found it reaches from 0 to 3.84 times the weight.
    Of few frauds the next may weigh far more than those found: for the upper end one more is counted.

    Source: D. G. Horvitz, D. J. Thompson, A generalization of sampling without replacement from a finite universe,
    JASA 47 (1952); effective counts of weighted rare events: M. P. Fay, E. J. Feuer, Statistics in Medicine 16 (1997);
    one more, of usual weight: R. C. Tiwari, L. X. Clegg, Z. Zou, Statistical Methods in Medical Research 15 (2006);
    score interval of a Poisson mean: L. D. Brown, T. T. Cai, A. DasGupta, Statistica Sinica 13 (2003).
    """
    if not sample.reviewed:
        return None
    weights, is_fraud = sample.weights()
    total = float(weights[is_fraud].sum())
    each, each_above = _doubt_of_each(weights, is_fraud)
    return Estimate(total, _count_limits(total, each)[0], _count_limits(total, each_above)[1])


def _doubt_of_each(weights: Weights, is_fraud: Truths) -> tuple[float, float]:
    """How many payments each fraud stands for as far as doubt goes: of those found, and with one more of usual weight.

    A payment that was certain to be drawn adds no doubt: w (w - 1) is the variance of a draw with chance 1 / w.
    """
    doubt = weights * (weights - 1)
    usual = float(doubt.sum() / weights.sum())
    total, of_frauds = float(weights[is_fraud].sum()), float(doubt[is_fraud].sum())
    each = of_frauds / total if total else usual
    return each, (of_frauds + usual**2) / (total + usual) if usual else each


def _count_limits(total: float, each: float) -> tuple[float, float]:
    if each <= 0:
        return total, total
    count = total / each
    reach = Z * sqrt(count + Z**2 / 4)
    return max(0.0, each * (count + Z**2 / 2 - reach)), each * (count + Z**2 / 2 + reach)


def recall_of(caught: int, *, known_missed: int, sample: Sample) -> Estimate | None:
    """Share of all frauds that was flagged; None where nothing was reviewed, or no fraud is known or found.

    caught: frauds among the flagged, each looked at. known_missed: approved frauds that others reported, all of them.
    sample: of the other approved payments.
    """
    missed = frauds_of(sample)
    if missed is None or not caught + known_missed + missed.value:
        return None
    shares = [_share(caught, caught + known_missed + more) for more in (missed.value, missed.high, missed.low)]
    return Estimate(*shares)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def fraud_rate_of(sample: Sample) -> Estimate | None:
    """Share of frauds among the payments the sample was drawn from; None where nothing was reviewed.

    Hajek's ratio, with Wilson's interval on as many payments as would be as telling if they weighed alike; for the
    upper end one more fraud is counted, as in `frauds_of`.

    Source: J. Hajek, in Foundations of Statistical Inference (1971), p. 236; linearised variance and effective size:
    E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998).
    """
    if not sample.reviewed:
        return None
    weights, is_fraud = sample.weights()
    whole = float(weights.sum())
    share = float(weights[is_fraud].sum()) / whole
    doubt = weights * (weights - 1)
    variance = float((doubt * (is_fraud - share) ** 2).sum()) / whole**2
    alike = float(doubt.sum())
    if 0 < share < 1 and variance > 0:
        size = share * (1 - share) / variance
    else:
        size = whole**2 / alike if alike > 0 else inf
    each, each_above = _doubt_of_each(weights, is_fraud)
    size_above = size * each / each_above if each and each_above else size
    return Estimate(share, _wilson(share, size)[0], _wilson(share, size_above)[1])


def _wilson(share: float, size: float) -> tuple[float, float]:
    """The limits of `intervals.wilson` for a size that need not be whole."""
    if size == inf:
        return share, share
    middle = share + Z**2 / (2 * size)
    reach = Z * sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    scale = 1 + Z**2 / size
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
