"""How sure a share is that was counted. Pure."""

from math import sqrt

# Of a normal distribution: 95 of 100 lie within so many standard deviations.
Z = 1.959964


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The score interval of a share at 95 %; 0 to 1 for nothing. Holds for few cases and for shares near 0 and 1.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if not whole:
        return 0.0, 1.0
    share = part / whole
    middle = share + Z**2 / (2 * whole)
    reach = Z * sqrt(share * (1 - share) / whole + Z**2 / (4 * whole**2))
    scale = 1 + Z**2 / whole
    low, high = (middle - reach) / scale, (middle + reach) / scale
    # At the ends the formula is exact, its floating point is not.
    return (0.0 if part == 0 else low), (1.0 if part == whole else high)
