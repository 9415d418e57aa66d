"""What the parts of the threshold page are made from, and how they write numbers down. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from cases import money
from cases.dashboard import wording
from cases.policy.threshold_figures import Figures
from scoring import threshold_proposals as proposals
from scoring import thresholds
from scoring.thresholds import Choice, Costs, Payments


@dataclass(frozen=True)
class Prices:
    """What mistakes cost in the page's currency, and how many alerts a day can be reviewed; None where nobody said."""

    review: Decimal | None
    false_decline: Decimal | None
    capacity: int | None

    @property
    def costs(self) -> Costs | None:
        if self.review is None or self.false_decline is None:
            return None
        return Costs(float(self.review), float(self.false_decline))


@dataclass(frozen=True)
class Inputs:
    """What all parts of the page are made from: bands with the present choice of each."""

    figures: Figures
    prices: Prices
    present: list[Choice]

    @property
    def bands(self) -> list[Payments]:
        return self.figures.bands

    @property
    def all(self) -> Payments:
        return thresholds.together(self.bands)


def band_words(figures: Figures, place: int) -> str:
    """`20 to 100`, `from 500`, `all amounts`."""
    edges = figures.edges
    if len(edges) == 1:
        return "all amounts"
    if place + 1 == len(edges):
        return f"from {edges[place]:,f}"
    return f"{edges[place]:,f} to {edges[place + 1]:,f}" if place else f"below {edges[1]:,f}"


def both(choice: Choice) -> str:
    return " / ".join(f"{threshold:g}" for threshold in proposals.value_of(choice))


def number(value: float) -> str:
    return f"{value:,.1f}" if 0 < value < 10 else f"{value:,.0f}"


def amount(value: float | None, currency: str) -> str:
    if value is None:
        return wording.NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else money.shown(Decimal(value), currency)
