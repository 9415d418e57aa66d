"""Recorded payments as arrays, and how they are parted to learn from. Pure."""

from dataclasses import dataclass, fields
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

FRAUD, LEGITIMATE, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Dataset:
    """Payments in the order of time, one row each.

    vectors: float32 (n, features). labels: int8 FRAUD, LEGITIMATE or UNKNOWN. occurred_at: float64 seconds
    since 1970. cards: int64 codes of `card_code`. amounts: float64 major units. currencies: ISO 4217.
    """

    vectors: NDArray[np.float32]
    labels: NDArray[np.int8]
    occurred_at: NDArray[np.float64]
    cards: NDArray[np.int64]
    amounts: NDArray[np.float64]
    currencies: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def frauds(self) -> int:
        return int(np.sum(self.labels == FRAUD))

    def where(self, rows: NDArray[np.bool_]) -> "Dataset":
        return Dataset(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def card_code(card_id: str) -> int:
    """64 bits that stand for a card, the same in every process; two cards with one are not to be expected."""
    return int.from_bytes(blake2b(card_id.encode(), digest_size=8).digest(), "big", signed=True)


def training_set(dataset: Dataset) -> Dataset:
    """The payments whose label is known; the same arrays where all are."""
    is_known = dataset.labels != UNKNOWN
    return dataset if is_known.all() else dataset.where(is_known)


def split_by_time(dataset: Dataset, newest: float) -> tuple[Dataset, Dataset]:
    """What comes before, and what lies in the `newest` share (0-1) of the time covered. Nothing is copied."""
    if not len(dataset):
        return dataset, dataset
    first, last = float(dataset.occurred_at.min()), float(dataset.occurred_at.max())
    place = int(np.searchsorted(dataset.occurred_at, last - newest * (last - first)))
    return _part(dataset, slice(0, place)), _part(dataset, slice(place, None))


def thinned(dataset: Dataset, most: int) -> Dataset:
    """About `most` rows at most: all payments of some of the cards, the same ones each time."""
    if len(dataset) <= most:
        return dataset
    # Multiplied by the golden ratio neighbouring codes lie far apart (Knuth, The Art of Computer Programming 6.4).
    places = (dataset.cards.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return dataset.where(places < np.uint64(most / len(dataset) * 2**32))


def _part(dataset: Dataset, rows: slice) -> Dataset:
    return Dataset(**{field.name: getattr(dataset, field.name)[rows] for field in fields(dataset)})
