"""What of a state or a vector can be compared with what the record gives again. Pure."""

import numpy as np
from numpy.typing import NDArray

from scoring.features.definitions import FEATURES, NAMES
from scoring.features.layout import OF_LABELS, layouts

RELATIVE = 1e-6
# Parts that follow the order in which a card's payments were applied; all others do not depend on it.
ORDERED_PARTS = frozenset(
    {"small_streak", "decline_streak", "place", "habit_count", "habit_amounts", "habit_hours", "deviation"}
    | {part for part in layouts()["card"].parts if part.startswith("decayed_high_")}
)
# Columns that a card's own payments make, in their order. What a label changed depends on when it was applied.
OWN_COLUMNS = np.array(
    [i for i, row in enumerate(FEATURES) if row.entity in {"card", "payment"} and row.op not in OF_LABELS], np.intp
)


def differing_columns(stored: NDArray[np.float32], again: NDArray[np.float32]) -> list[str]:
    """Names of the card's and the payment's own features that differ between two vectors."""
    same = np.isclose(stored[OWN_COLUMNS], again[OWN_COLUMNS], rtol=RELATIVE, atol=0.0, equal_nan=True)
    return [NAMES[i] for i in OWN_COLUMNS[~same]]
