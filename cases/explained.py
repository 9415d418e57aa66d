"""An explanation as the desk reads it: the way from the base to the score, and what would have changed it. Pure."""

from dataclasses import dataclass
from math import exp
from typing import Any

from scoring.models import Explanation, Outcome

WIDTH = 220
# Further families are one step: what adds less than the eighth changes nothing of what is read here.
MOST_STEPS = 8
NOTHING_HELPS = "No single figure alone would have let it pass."
NOT_ALL_TRIED = "No single figure that was tried would have let it pass; not every value of each was."


@dataclass(frozen=True)
class Step:
    """One step of the way, as a bar from where the last one ended; `side`: for, against, total."""

    words: str
    said: str
    x: float
    width: float
    side: str


@dataclass(frozen=True)
class Explained:
    """`steps` are empty where the explanation was not made, and `problem` says why. `usual`: words by family."""

    model_version: str
    problem: str
    steps: list[Step]
    sentences: list[str]
    usual: dict[str, str]


def explained(found: Explanation) -> Explained:
    return Explained(
        model_version=found.model_version,
        problem=found.problem,
        steps=_steps(found),
        sentences=_sentences(found.counterfactuals, found.problem),
        usual={family["code"]: family["usual"] for family in found.families if family["usual"]},
    )


def _sentences(alternatives: dict[str, Any], problem: str) -> list[str]:
    """What would have passed, that nothing would have, and what would have been milder; or why nobody knows."""
    if alternatives.get("problem"):
        # Told once where the whole explanation lacks the same.
        return [] if alternatives["problem"] == problem else [alternatives["problem"]]
    found = alternatives.get("found", [])
    passing = [one["words"] for one in found if one["outcome"] == Outcome.APPROVE]
    milder = [one["words"] for one in found if one["outcome"] != Outcome.APPROVE]
    none = NOTHING_HELPS if alternatives.get("is_whole", True) else NOT_ALL_TRIED
    return [f"{words}." for words in passing] + ([] if passing else [none]) + [f"{words}." for words in milder]


def _steps(found: Explanation) -> list[Step]:
    if found.state != Explanation.State.MADE or found.base is None or found.margin is None:
        return []
    shares = [(family["words"], float(family["contribution"])) for family in found.families]
    told, rest = shares[:MOST_STEPS], shares[MOST_STEPS:]
    if rest:
        told.append(("All else together", sum(share for _, share in rest)))
    # From the base; where the last step ends is the score.
    ends = [found.base]
    for _, share in told:
        ends.append(ends[-1] + share)
    low, high = min(ends), max(ends)
    scale = WIDTH / ((high - low) or 1.0)

    def bar(words: str, said: str, start: float, end: float, side: str) -> Step:
        left, right = sorted(((start - low) * scale, (end - low) * scale))
        # Two pixels at least: a bar that cannot be seen says "none", not "a little".
        width = max(2.0, right - left)
        return Step(words, said, round(min(left, WIDTH - width), 1), round(width, 1), side)

    steps = [bar("Any payment, before anything is known of it", _probability(found.base), low, found.base, "total")]
    for (words, share), start, end in zip(told, ends, ends[1:], strict=False):
        steps.append(bar(words, f"{share:+.2f}", start, end, "for" if share >= 0 else "against"))
    steps.append(bar("This payment", _probability(found.margin), low, found.margin, "total"))
    return steps


def _probability(log_odds: float) -> str:
    return f"score {1.0 / (1.0 + exp(-log_odds)):.3f}"
