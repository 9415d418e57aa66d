"""Counting payments by what they are and what was said of them: of all of them, and day by day."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from scoring.backtesting.trial import KINDS, Bools, Ints, Looked
from scoring.decisioning import SEVERITY
from scoring.ml.datasets import card_code

_OUTCOMES = len(SEVERITY)
_SHAPE = (len(KINDS), _OUTCOMES, _OUTCOMES, _OUTCOMES)
# Sums of whole numbers are exact in a float up to 2**53; amounts are up to 2**60, and summed in two parts.
_PART = 2**30
Cell = tuple[int, int, int, int]
_CELLS: list[Cell] = list(product(range(len(KINDS)), range(_OUTCOMES), range(_OUTCOMES), range(_OUTCOMES)))


@dataclass
class Cells:
    """Payments and amounts (ten-thousandths) of a currency by kind, and severity recorded, of baseline and of draft."""

    payments: dict[Cell, int] = field(default_factory=lambda: defaultdict(int))
    units: dict[Cell, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Day:
    """Payments of a day, and the flagged ones of baseline and draft: how many, and codes of their cards, each once."""

    payments: int = 0
    baseline_alerts: int = 0
    draft_alerts: int = 0
    baseline_cards: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    draft_cards: Ints = field(default_factory=lambda: np.empty(0, np.int64))


class Tally:
    """What is counted of each payment. Memory: some numbers a currency and a day, and 8 bytes a flagged card a day."""

    def __init__(self) -> None:
        self.currencies: dict[str, Cells] = {}
        self.days: dict[int, Day] = {}
        self.judged = self.mature = self.recorded_differs = 0

    def add(self, looked: Looked) -> None:
        chunk = looked.chunk
        baseline, draft = looked.baseline.judged.severities, looked.draft.judged.severities
        self.judged += len(chunk)
        self.mature += int(chunk.is_mature.sum())
        self.recorded_differs += int((baseline != chunk.recorded).sum())
        self._add_cells(looked, baseline, draft)
        self._add_days(looked, baseline > 0, draft > 0)

    def _add_cells(self, looked: Looked, baseline: Ints, draft: Ints) -> None:
        chunk = looked.chunk
        places = np.ravel_multi_index((chunk.kinds, chunk.recorded, baseline, draft), _SHAPE)
        names = [transaction.currency for transaction in chunk.transactions]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        currency_of = np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))
        places = places + currency_of * len(_CELLS)
        payments = np.bincount(places, minlength=len(numbers) * len(_CELLS)).reshape(len(numbers), -1)
        units = [
            np.bincount(places, part, minlength=payments.size).reshape(payments.shape)
            for part in np.divmod(looked.units, _PART)
        ]
        for name, number in numbers.items():
            cells = self.currencies.setdefault(name, Cells())
            for place in np.flatnonzero(payments[number]).tolist():
                cells.payments[_CELLS[place]] += int(payments[number, place])
                high, low = (int(part[number, place]) for part in units)
                cells.units[_CELLS[place]] += high * _PART + low

    def _add_days(self, looked: Looked, by_baseline: Bools, by_draft: Bools) -> None:
        chunk = looked.chunk
        cards = np.zeros(len(chunk), np.int64)
        for row in np.flatnonzero(by_baseline | by_draft).tolist():
            cards[row] = card_code(chunk.transactions[row].card_id)
        for number in np.unique(chunk.days).tolist():
            is_then = chunk.days == number
            day = self.days.setdefault(number, Day())
            day.payments += int(is_then.sum())
            day.baseline_alerts += int((is_then & by_baseline).sum())
            day.draft_alerts += int((is_then & by_draft).sum())
            day.baseline_cards = np.union1d(day.baseline_cards, cards[is_then & by_baseline])
            day.draft_cards = np.union1d(day.draft_cards, cards[is_then & by_draft])
