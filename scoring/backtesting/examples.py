"""Named payments that a draft decides otherwise: the dearest of each kind, with what flags them in words."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from scoring.backtesting.rule_tally import POINTS, SCORE, causes
from scoring.backtesting.trial import FRAUD, KINDS, LEGITIMATE, TAKEN, Looked, Side
from scoring.decisioning import SEVERITY
from scoring.ml.explanations import fill_words

MOST = 25
_NAMES = {severity: name for name, severity in SEVERITY.items()}


@dataclass(frozen=True)
class Kind:
    """Payments of which something is known, that come to be flagged or are no more."""

    name: str
    of: tuple[int, ...]
    is_flagged: bool


EXAMPLES = (
    Kind("caught_now", (FRAUD,), is_flagged=True),
    Kind("lost_now", (FRAUD,), is_flagged=False),
    Kind("newly_bothered", (LEGITIMATE, TAKEN), is_flagged=True),
    Kind("no_longer_bothered", (LEGITIMATE, TAKEN), is_flagged=False),
)


class Examples:
    """The MOST dearest of each kind and currency: amounts of two currencies cannot be compared."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[tuple[int, int, dict[str, Any]]]] = {}

    def add(self, looked: Looked) -> None:
        is_flagged = looked.draft.judged.severities > 0
        changed = is_flagged != (looked.baseline.judged.severities > 0)
        for kind in EXAMPLES:
            rows = np.flatnonzero(changed & (is_flagged == kind.is_flagged) & np.isin(looked.chunk.kinds, kind.of))
            for row in rows.tolist():
                self._offer(kind, looked, row)

    def _offer(self, kind: Kind, looked: Looked, row: int) -> None:
        transaction = looked.chunk.transactions[row]
        kept = self._kept.setdefault((kind.name, transaction.currency), [])
        # Of equal amounts the one that was decided first, however the payments come in chunks.
        place = int(looked.units[row]), -int(looked.chunk.ids[row])
        if len(kept) < MOST:
            heapq.heappush(kept, (*place, _example(kind, looked, row)))
        elif place > kept[0][:2]:
            heapq.heapreplace(kept, (*place, _example(kind, looked, row)))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The dearest of each currency in turn, MOST in all."""
        found = [
            [example for _, _, example in sorted(kept, key=lambda one: one[:2], reverse=True)]
            for (name, _), kept in sorted(self._kept.items())
            if name == kind
        ]
        in_turn = (example for turn in zip_longest(*found) for example in turn if example is not None)
        return [example for _, example in zip(range(MOST), in_turn, strict=False)]


def _example(kind: Kind, looked: Looked, row: int) -> dict[str, Any]:
    chunk = looked.chunk
    transaction = chunk.transactions[row]
    return {
        "decision_id": int(chunk.ids[row]),
        "transaction_id": transaction.transaction_id,
        "card_id": transaction.card_id,
        "occurred_at": transaction.occurred_at.isoformat(),
        "amount": f"{transaction.amount:.4f}",
        "currency": transaction.currency,
        "label": KINDS[int(chunk.kinds[row])],
        "recorded": _NAMES[int(chunk.recorded[row])],
        "baseline": _NAMES[int(looked.baseline.judged.severities[row])],
        "draft": _NAMES[int(looked.draft.judged.severities[row])],
        "why": list(_words(looked.draft if kind.is_flagged else looked.baseline, row)),
    }


def _words(side: Side, row: int) -> Iterator[str]:
    """What flags the payment. The score itself is not told: reviewers may have to do without it."""
    transaction, vector = side.batch.transactions[row], side.batch.vectors[row]
    rules = {rule.code: (number, rule) for number, rule in enumerate(side.policy.rules)}
    for cause in causes(side, row):
        if cause == SCORE:
            yield f"The score asks for {_NAMES[int(side.by_score[row])]}"
        elif cause == POINTS and side.judged.points is not None:
            yield f"Rules add up to {side.judged.points[row]} points"
        elif cause in rules:
            number, rule = rules[cause]
            if side.judged.failed[row, number]:
                yield f"{cause} could not be computed"
            else:
                yield f"{cause}: {fill_words(rule.words, vector, currency=transaction.currency, payment=transaction)}"
    for entry in side.batch.listed.get(row, ()):
        if side.policy.lists.get(entry.list, "approve") != "approve":
            yield f"The {entry.entity.replace('_', ' ')} was on the {entry.list} list"
