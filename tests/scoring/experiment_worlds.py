"""Worlds in which cards come back: many experiments at once, day by day, as the sums that tests of cards take."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scoring.ml.experiments.comparing import CardSums


@dataclass(frozen=True)
class World:
    """Sums (worlds, days) of one arm, over the days up to each."""

    cards: np.ndarray
    hits: np.ndarray
    n: np.ndarray
    y: np.ndarray
    nn: np.ndarray
    yn: np.ndarray
    yy: np.ndarray

    def at(self, world: int, day: int) -> CardSums:
        values = (getattr(self, name)[world, day] for name in ("cards", "hits", "n", "y", "nn", "yn", "yy"))
        cards, hits, *sums = values
        return CardSums(int(cards), int(hits), *map(float, sums))


def alerts_of_cards(
    chance: np.random.Generator, *, worlds: int, days: int, cards: int, precision: float = 0.4, a_day: float = 0.3
) -> World:
    """Alerts: some cards have many, and the alerts of a card are mostly frauds or mostly not."""
    busy = chance.gamma(0.7, a_day / 0.7, (worlds, cards))
    frauds = chance.beta(precision, 1 - precision, (worlds, cards))
    return _world(busy, days, chance, lambda new: chance.binomial(new, frauds))


def losses_of_cards(chance: np.random.Generator, *, worlds: int, days: int, cards: int) -> World:
    """Half a payment a card and day: of fifty one is reviewed at a cost of 2, of 200 one is a fraud of about 100."""
    busy = chance.gamma(0.7, 0.5 / 0.7, (worlds, cards))

    def lost(new: np.ndarray) -> np.ndarray:
        frauds, found = chance.random(new.shape) < 0.005 * new, 2.0 * (chance.random(new.shape) < 0.02 * new)
        found[frauds] += chance.lognormal(4.6, 1.2, int(frauds.sum()))
        return found

    return _world(busy, days, chance, lost)


def _world(
    busy: np.ndarray, days: int, chance: np.random.Generator, of_new: Callable[[np.ndarray], np.ndarray]
) -> World:
    n, y = np.zeros(busy.shape), np.zeros(busy.shape)
    sums = {name: np.zeros((len(busy), days)) for name in ("cards", "hits", "n", "y", "nn", "yn", "yy")}
    for day in range(days):
        new = chance.poisson(busy)
        n, y = n + new, y + of_new(new)
        found = {"cards": n > 0, "hits": y > 0, "n": n, "y": y, "nn": n * n, "yn": y * n, "yy": y * y}
        for name, values in found.items():
            sums[name][:, day] = values.sum(axis=1)
    return World(**sums)
