"""Agreement, accuracy and times with how sure they are. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt

from scoring.intervals import Z, wilson

# Fewer say next to nothing: Wilson's interval for 10 of 20 is 30 to 70 %.
FEWEST = 20


@dataclass(frozen=True)
class Share:
    """`part` of `whole`, 0-1, with the interval that holds the true share 95 times of 100."""

    part: int
    whole: int

    @property
    def is_telling(self) -> bool:
        return self.whole >= FEWEST

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.part, self.whole)

    def __add__(self, other: "Share") -> "Share":
        return Share(self.part + other.part, self.whole + other.whole)


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: 1 always, 0 as by chance, below 0 less than that."""

    value: float
    low: float
    high: float
    pairs: int

    @property
    def is_telling(self) -> bool:
        return self.pairs >= FEWEST


def cohens_kappa(pairs: Mapping[tuple[str, str], int]) -> Kappa | None:
    """Kappa of (first, second) verdicts and their numbers; None when both always said one and the same thing.

    Source: J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20
    (1960); the interval from its standard error there.
    """
    total = sum(pairs.values())
    if not total:
        return None
    names = {name for pair in pairs for name in pair}
    observed = sum(pairs.get((name, name), 0) for name in names) / total
    by_chance = sum(_margin(pairs, 0, name) * _margin(pairs, 1, name) for name in names) / total**2
    if by_chance == 1:
        return None
    kappa = (observed - by_chance) / (1 - by_chance)
    error = sqrt(observed * (1 - observed) / (total * (1 - by_chance) ** 2))
    return Kappa(kappa, max(-1.0, kappa - Z * error), min(1.0, kappa + Z * error), total)


def _margin(pairs: Mapping[tuple[str, str], int], side: int, name: str) -> int:
    return sum(number for pair, number in pairs.items() if pair[side] == name)


@dataclass(frozen=True)
class Times:
    """How long something takes: the number, the sum and the sum of squares of the logarithms of seconds."""

    number: int = 0
    logs: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, *seconds: float) -> "Times":
        logs = [log(one) for one in seconds]
        return cls(len(logs), sum(logs), sum(one**2 for one in logs))

    @property
    def is_telling(self) -> bool:
        return self.number >= FEWEST

    @property
    def typical(self) -> float:
        """The geometric mean in seconds: a lunch break in between moves it little.

        Source: J. Sauro and J. R. Lewis, Average task times in usability tests: what to report?, CHI 2010.
        """
        return exp(self.logs / self.number) if self.number else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the geometric mean at 95 %, in seconds; logarithms of times are nearly normal."""
        if self.number < 2:
            return 0.0, 0.0
        mean = self.logs / self.number
        variance = max(0.0, (self.squares - self.number * mean**2) / (self.number - 1))
        reach = Z * sqrt(variance / self.number)
        return exp(mean - reach), exp(mean + reach)

    def __add__(self, other: "Times") -> "Times":
        return Times(self.number + other.number, self.logs + other.logs, self.squares + other.squares)
