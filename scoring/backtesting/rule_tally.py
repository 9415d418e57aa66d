"""Counting what the rules of a draft do: what each meets, alone and together, and which of them change decisions."""

from collections import Counter, defaultdict

import numpy as np

from scoring.backtesting.trial import FRAUD, KINDS, LEGITIMATE, TAKEN, Bools, Ints, Looked, Side
from scoring.decisioning import PolicyInForce

# No code of a rule has a blank.
SCORE, POINTS = "the score", "the points"


class RuleTally:
    """Of each rule of the draft, in its order. Memory: a square of whole numbers as wide as there are rules."""

    def __init__(self, draft: PolicyInForce) -> None:
        count = len(draft.rules)
        self.codes = [rule.code for rule in draft.rules]
        # (rules, kinds): what each meets, and what would be approved without it.
        self.hits = np.zeros((count, len(KINDS)), np.int64)
        self.unique = np.zeros((count, len(KINDS)), np.int64)
        self.failures = np.zeros(count, np.int64)
        self.together = np.zeros((count, count), np.int64)

    def add(self, looked: Looked) -> None:
        hits, kinds = looked.draft.judged.hits, looked.chunk.kinds
        rows = np.flatnonzero(hits.any(axis=1))
        self.failures += looked.draft.judged.failed.sum(axis=0)
        if not len(rows):
            return
        hits, kinds, is_only = hits[rows], kinds[rows], _needed(looked.draft, rows)
        for kind in range(len(KINDS)):
            of_kind = kinds == kind
            self.hits[:, kind] += hits[of_kind].sum(axis=0)
            self.unique[:, kind] += is_only[of_kind].sum(axis=0)
        numbers = hits.astype(np.float32)  # exact up to 2**24 payments, a chunk has thousands
        self.together += (numbers.T @ numbers).astype(np.int64)


def _needed(side: Side, rows: Ints) -> Bools:
    """Where a rule alone flags a payment, bool (rows, rules): all else, other rules' points with it, would approve."""
    judged, policy = side.judged, side.policy
    hits = judged.hits[rows]
    asking = hits & (policy.severities_of_rules > 0)
    needed: Bools = hits & (asking.sum(axis=1, keepdims=True) == asking)
    if judged.points is not None and policy.points_of_rules is not None:
        needed &= judged.points[rows, None] - hits * policy.points_of_rules < policy.review_points
    is_rules: Bools = (judged.severities[rows] > 0) & (side.without_rules[rows] == 0) & ~judged.failed[rows].any(axis=1)
    needed &= is_rules[:, None]
    return needed


class Changes:
    """Payments that the draft decides otherwise, by what asks for it: a rule's code, SCORE, POINTS or list:<name>."""

    def __init__(self) -> None:
        self.stricter: Counter[str] = Counter()
        self.milder: Counter[str] = Counter()
        # Of those that come to be flagged, or are no more, what they are.
        self.kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, looked: Looked) -> None:
        """What makes a decision stricter is met in the draft; what made it strict, and is missed, in the baseline."""
        baseline, draft = looked.baseline.judged.severities, looked.draft.judged.severities
        for row in np.flatnonzero(draft > baseline).tolist():
            self._note(self.stricter, looked, looked.draft, row, is_new=baseline[row] == 0)
        for row in np.flatnonzero(draft < baseline).tolist():
            self._note(self.milder, looked, looked.baseline, row, is_new=draft[row] == 0)

    def _note(self, counted: "Counter[str]", looked: Looked, side: Side, row: int, *, is_new: bool) -> None:
        kind = looked.chunk.kinds[row]
        for cause in causes(side, row):
            counted[cause] += 1
            if is_new and kind in (FRAUD, LEGITIMATE, TAKEN):
                word = "frauds" if kind == FRAUD else "legitimate"
                self.kinds[cause][f"{word}_{'flagged' if counted is self.stricter else 'released'}"] += 1


def causes(side: Side, row: int) -> list[str]:
    """All that flags a payment, by the names of `Changes`; nothing of one that is approved."""
    judged, policy = side.judged, side.policy
    if not judged.severities[row]:
        return []
    found = [policy.rules[number].code for number in np.flatnonzero(_acting(side, row)).tolist()]
    if judged.points is not None and judged.points[row] >= policy.review_points:
        found.append(POINTS)
    if side.by_score[row]:
        found.append(SCORE)
    effects = (entry.list for entry in side.batch.listed.get(row, ()) if policy.lists.get(entry.list) != "approve")
    return found + [f"list:{name}" for name in dict.fromkeys(effects) if name in policy.lists]


def _acting(side: Side, row: int) -> Bools:
    """Rules that ask for more than to approve: by themselves, or because they could not be computed."""
    hits: Bools = side.judged.hits[row] & (side.policy.severities_of_rules > 0)
    acting: Bools = hits | side.judged.failed[row]
    return acting
