"""How far the values of two times are apart, counted over the same bins. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scoring.ml.reference import Distribution

Counts = Sequence[int]
# A report looks at some fifty values each day: what chance does once in a thousand would be found every month.
CHANCE = 1e-4


@dataclass(frozen=True)
class Shift:
    """How one value of payments differs from then.

    ks and psi: over the values that are there; None where either time has none. chance: a ks that two samples of the
    same values have once in 10,000 times. missing: share without a value, 0-1. edge: where the shares of values at or
    above it differ most; at_or_above: that share, then and now. middle: medians then and now, read from the bins.
    """

    rows: int
    ks: float | None
    psi: float | None
    missing_then: float
    missing: float
    chance: float = 0.0
    edge: float | None = None
    at_or_above: tuple[float, float] = (0.0, 0.0)
    middle: tuple[float, float] | None = None

    @property
    def missing_moved(self) -> float:
        return abs(self.missing - self.missing_then)


def shift_of(then: Distribution, now: Counts, *, rows: int, missing: int, missing_then: float) -> Shift:
    """From a distribution of the training to counts over its bins, of `rows` payments, `missing` of them without."""
    share = missing / rows if rows else 0.0
    if not (sum(then.counts) and sum(now) and then.edges):
        return Shift(rows, None, None, missing_then, share)
    place, distance = furthest(then.counts, now)
    middles = middle(then), middle(Distribution(then.edges, now))
    return Shift(
        rows,
        ks=distance,
        psi=psi(then.counts, now),
        missing_then=missing_then,
        missing=share,
        chance=chance_of(sum(then.counts), sum(now)),
        edge=then.edges[place],
        at_or_above=(_from(then.counts, place), _from(now, place)),
        middle=middles,
    )


def ks(then: Counts, now: Counts) -> float:
    """Greatest difference of the two cumulative shares, 0-1, at the edges of the bins. Both with something in them.

    Within a bin the difference may be greater: it is the distance of Kolmogorov and Smirnov from below, an effect size
    that does not grow with the number of payments as the test's probability does.
    """
    return furthest(then, now)[1]


def chance_of(then: int, now: int) -> float:
    """KS that samples so large of the same values exceed once in 10,000 times.

    Source: N. Smirnov, Table for estimating the goodness of fit of empirical distributions (1948), asymptotically.
    """
    return math.sqrt(-math.log(CHANCE / 2) / 2 * (1 / then + 1 / now))


def furthest(then: Counts, now: Counts) -> tuple[int, float]:
    """Number of the edge where the cumulative shares differ most, and by how much."""
    gaps = np.abs(np.cumsum(then)[:-1] / np.sum(then) - np.cumsum(now)[:-1] / np.sum(now))
    place = int(np.argmax(gaps))
    return place, float(gaps[place])


def psi(then: Counts, now: Counts) -> float:
    """Population stability index, from 0 up; half a payment is added to each bin, so that empty ones have a share.

    Source: N. Siddiqi, Credit Risk Scorecards (2006), which calls 0.1 a small and 0.25 a large shift.
    """
    before, after = np.asarray(then) + 0.5, np.asarray(now) + 0.5
    before, after = before / before.sum(), after / after.sum()
    return float(np.sum((after - before) * np.log(after / before)))


def total_variation(then: Mapping[str, int], now: Mapping[str, int]) -> float | None:
    """Share of payments that would have to change their kind for the two to be alike, 0-1; None for nothing."""
    all_then, all_now = sum(then.values()), sum(now.values())
    if not all_then or not all_now:
        return None
    kinds = then.keys() | now.keys()
    return sum(abs(then.get(kind, 0) / all_then - now.get(kind, 0) / all_now) for kind in kinds) / 2


def chance_of_kinds(then: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Total variation that samples so large of the same kinds exceed less than once in 10,000 times.

    It grows with the number of kinds: what it is in the mean, and how far from that one sample may be.
    Source: C. McDiarmid, On the method of bounded differences (1989).
    """
    all_then, all_now = sum(then.values()), sum(now.values())
    spread = 1 / all_then + 1 / all_now
    shares = [(then.get(kind, 0) + now.get(kind, 0)) / (all_then + all_now) for kind in then.keys() | now.keys()]
    mean = sum(math.sqrt(2 / math.pi * share * (1 - share) * spread) for share in shares) / 2
    return mean + math.sqrt(-math.log(CHANCE) / 2 * spread)


def middle(found: Distribution) -> float:
    """Median, straight between the edges of its bin; the outermost edge where it lies beyond. Something is in it."""
    half, ends = sum(found.counts) / 2, np.cumsum(found.counts)
    # The first bin that reaches half of all.
    place = int(np.searchsorted(ends, half))
    if place in (0, len(found.edges)):
        return found.edges[0 if place == 0 else -1]
    low, high = found.edges[place - 1], found.edges[place]
    count = found.counts[place]
    return float(low + (high - low) * (half - (ends[place] - count)) / count)


def _from(counts: Counts, place: int) -> float:
    """Share of values at or above an edge."""
    return sum(counts[place + 1 :]) / sum(counts)
