"""Tests that may be looked at more than once: any day, or on planned days.

Both count time in information (1 / variance of the difference), so cards that come back and arms of unequal size need
nothing of their own. Source for that: K. Kim and A. A. Tsiatis, Independent increments in sequential monitoring of
clinical trials: a review, SORT 44 (2020).
"""

from collections.abc import Sequence
from functools import cache
from math import e, inf, log, sqrt

import numpy as np
from scipy import special

# Points of the integration between two bounds: the published bounds of 2 to 20 looks come out to the fourth digit.
_NODES = 80


@cache
def mixture_rate(alpha: float) -> float:
    """How narrow the mixture is, so that the confidence sequence is tightest at the planned information.

    It minimises (1 + 1/x) log((1 + x) / alpha^2). Source: as `always_valid_z`, appendix B.2.
    """
    return float(-special.lambertw(-(alpha**2) / e, k=-1).real) - 1.0


def always_valid_z(fraction: float, alpha: float) -> float:
    """The bound of a difference in standard errors, at a fraction (> 0) of the planned information, on any day.

    Over all days together the true difference leaves it with probability `alpha` at most. Infinite without information.
    Source: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, Time-uniform central limit theory and
    asymptotic confidence sequences, Annals of Statistics 52 (2024), theorem 2.2; S. R. Howard et al., Time-uniform,
    nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49 (2021): the normal mixture.
    """
    if fraction <= 0:
        return inf
    x = mixture_rate(alpha) * fraction
    return sqrt((1 + 1 / x) * log((1 + x) / alpha**2))


def always_valid_reach(information: float, planned: float, alpha: float) -> float:
    """Half the width of the confidence sequence at this information; `planned`: where it is to be tightest."""
    return always_valid_z(information / planned, alpha) / sqrt(information) if information > 0 else inf


@cache
def obrien_fleming(looks: int, alpha: float) -> tuple[float, ...]:
    """Bounds of |z| at `looks` looks, equally far apart in information: 4.56, 3.23, 2.63, 2.28, 2.04 for 5 at 5 %.

    Source: P. C. O'Brien and T. R. Fleming, A multiple testing procedure for clinical trials, Biometrics 35 (1979);
    the integral is by P. Armitage, C. K. McPherson and B. C. Rowe (1969).
    """
    fractions = [(look + 1) / looks for look in range(looks)]

    def bounds(last: float) -> tuple[float, ...]:
        return tuple(last / sqrt(fraction) for fraction in fractions)

    low, high = 0.5, 6.0
    for _ in range(34):
        middle = (low + high) / 2
        if crossing(bounds(middle), fractions, drift=0.0) > alpha:
            low = middle
        else:
            high = middle
    return bounds(high)


def crossing(bounds: Sequence[float], fractions: Sequence[float], *, drift: float) -> float:
    """Probability that |z| passes its bound at one of the looks.

    fractions: of the whole information, rising to 1. drift: expected z at the end; 0 where there is no difference.
    """
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    # Of the sum z * sqrt(fraction), which has independent increments: the density of those that are still inside.
    inside, masses, before, crossed = np.zeros(1), np.ones(1), 0.0, 0.0
    for bound, fraction in zip(bounds, fractions, strict=True):
        edge, spread = bound * sqrt(fraction), sqrt(fraction - before)
        means = inside + drift * (fraction - before)
        out = special.ndtr((means - edge) / spread) + special.ndtr((-edge - means) / spread)
        crossed += float(np.sum(masses * out))
        at = edge * points
        steps = (at[:, None] - means[None, :]) / spread
        density = np.exp(-0.5 * steps**2) @ masses / (spread * sqrt(2 * np.pi))
        inside, masses, before = at, density * weights * edge, fraction
    return crossed
