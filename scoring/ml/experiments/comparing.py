"""Two arms compared: ratios over cards, shares of cards, and whether the arms have the cards they should have.

The cards of a card scheme were dealt to the arms, not its payments: a card's payments resemble each other, and a test
that takes them for independent finds differences that are none. The unit is the card.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import inf, sqrt

from scipy import special


@dataclass(frozen=True)
class CardSums:
    """Sums over the cards of an arm: each has a numerator y and a denominator n (payments, alerts).

    cards: those with n > 0. hits: those with y other than 0. n, y: sums. nn, yn, yy: sums of products, card by card.
    """

    cards: int
    hits: int
    n: float
    y: float
    nn: float
    yn: float
    yy: float

    @classmethod
    def of(cls, y: Sequence[float], n: Sequence[float]) -> "CardSums":
        """The sums of cards given one by one, in the same order; those with n = 0 count for nothing."""
        pairs = [(a, b) for a, b in zip(y, n, strict=True) if b > 0]
        return cls(
            cards=len(pairs),
            hits=sum(a != 0 for a, _ in pairs),
            n=float(sum(b for _, b in pairs)),
            y=float(sum(a for a, _ in pairs)),
            nn=float(sum(b * b for _, b in pairs)),
            yn=float(sum(a * b for a, b in pairs)),
            yy=float(sum(a * a for a, _ in pairs)),
        )

    @classmethod
    def read(cls, values: Sequence[float | None]) -> "CardSums":
        """As the database gives them, in the order of the fields; a sum of nothing is None there."""
        cards, hits, *sums = (value or 0.0 for value in values)
        return cls(int(cards), int(hits), *sums)

    def __add__(self, other: "CardSums") -> "CardSums":
        """Of different cards."""
        return CardSums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def ratio(self) -> float:
        """Sum of y by sum of n; 0 for no cards."""
        return self.y / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Of `ratio`, by linearisation; infinite below two cards.

        Source: W. G. Cochran, Sampling Techniques (1977), 6.5 and 9A: ratio estimator, clusters of unequal size.
        """
        if self.cards < 2:
            return inf
        residuals = self.yy - 2 * self.ratio * self.yn + self.ratio**2 * self.nn
        return max(residuals, 0.0) * self.cards / (self.cards - 1) / self.n**2

    @property
    def unit_variance(self) -> float:
        """Variance that one unit of n would have if units were independent and the ratio were as sure as it is.

        It is the variance of a payment times the design effect: how much dearer payments of one card are.
        """
        return self.variance * self.n


@dataclass(frozen=True)
class Difference:
    """Challenger less champion. variance: of the value; freedom: degrees of it, by Welch and Satterthwaite."""

    value: float
    variance: float
    freedom: float

    @property
    def information(self) -> float:
        """1 / variance: what the data know of the value; 0 while they know nothing."""
        return 1.0 / self.variance if 0.0 < self.variance < inf else 0.0

    @property
    def z(self) -> float:
        """The value in its standard errors; 0 while nothing is known."""
        return self.value * sqrt(self.information)

    @property
    def p_value(self) -> float:
        """Two-sided, for one look that was planned: looked at every day it is wrong far more often than it says."""
        if not self.information:
            return 1.0
        return float(2.0 * special.stdtr(self.freedom, -abs(self.z)))

    def interval(self, alpha: float) -> tuple[float, float]:
        """For one look that was planned; from minus to plus infinity while nothing is known."""
        if not self.information:
            return -inf, inf
        reach = float(special.stdtrit(self.freedom, 1.0 - alpha / 2)) * sqrt(self.variance)
        return self.value - reach, self.value + reach


def compare(champion: CardSums, challenger: CardSums) -> Difference:
    """Welch's t-test of two ratios over cards. With one payment a card it is his test of two means.

    Source: B. L. Welch, The generalization of "Student's" problem when several different population variances are
    involved, Biometrika 34 (1947); A. Deng et al., Applying the Delta Method in Metric Analytics, KDD (2018).
    """
    arms = (champion, challenger)
    variance = champion.variance + challenger.variance
    shares = [arm.variance**2 / (arm.cards - 1) for arm in arms if 0.0 < arm.variance < inf]
    freedom = variance**2 / sum(shares) if shares and variance < inf else 1.0
    return Difference(challenger.ratio - champion.ratio, variance, freedom)


def compare_with_care(champion: CardSums, challenger: CardSums) -> Difference:
    """As `compare`, but a unit of no arm is taken to vary less than those of both together do.

    An arm that few cards with a large sum have reached yet has a low mean and a low variance at once: by itself it
    looks better, and sure of it, for no other reason than its luck. Source: the simulations of
    tests/scoring/test_experiments_errors.py, losses.
    """
    found, arms = compare(champion, challenger), (champion, challenger)
    if found.variance == inf:
        return found
    a_unit = sum(arm.unit_variance * arm.n for arm in arms) / sum(arm.n for arm in arms)
    return replace(found, variance=sum(max(arm.unit_variance, a_unit) / arm.n for arm in arms))


def two_proportions(parts: tuple[int, int], wholes: tuple[int, int]) -> float:
    """p-value of the pooled z-test that two shares (champion, challenger) are one; 1 where nothing can be told.

    For what is counted once a card. Source: J. L. Fleiss et al., Statistical Methods for Rates and Proportions (2003),
    3.1, without the correction for continuity.
    """
    if not all(wholes):
        return 1.0
    pooled = sum(parts) / sum(wholes)
    variance = pooled * (1 - pooled) * sum(1 / whole for whole in wholes)
    if variance <= 0:
        return 1.0
    z = (parts[1] / wholes[1] - parts[0] / wholes[0]) / sqrt(variance)
    return float(2.0 * special.ndtr(-abs(z)))


def share_mismatch(cards: tuple[int, int], share: float) -> float:
    """p-value that so many cards (champion, challenger) came of dealing each to the challenger with `share`.

    A small one (SUSPECT) says that cards were lost on the way to one arm: then no figure of the two compares.
    Chi-square of goodness of fit, one degree. Source: A. Fabijan et al., Diagnosing Sample Ratio Mismatch in Online
    Controlled Experiments, KDD (2019).
    """
    total = sum(cards)
    if not total or not 0 < share < 1:
        return 1.0
    expected = (total * (1 - share), total * share)
    chi = sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(cards, expected, strict=True))
    return float(special.chdtrc(1, chi))
