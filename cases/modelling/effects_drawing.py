"""Which way a feature moves payments, as dots on a line: frauds above it, legitimate payments below. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import copysign, sqrt
from statistics import median
from typing import Any

WIDTH, HEIGHT = 220, 34
_ROOM = 104
_LINES = 4
_KINDS = (("fraud", "Frauds", 3.0), ("legitimate", "legitimate payments", 21.0))
_STEP = 3.3
# Up to which place of its value among the drawn ones a payment is drawn as.
_SHADES = ((1 / 3, "low"), (2 / 3, "middle"), (1.0, "high"))


@dataclass(frozen=True)
class Dot:
    """A payment. x: to the right of the middle fraud is likelier by the feature."""

    x: str
    y: str
    css: str


@dataclass(frozen=True)
class Effects:
    """A picture, and its words."""

    dots: Sequence[Dot]
    words: str


def farthest(importance: Sequence[Mapping[str, Any]]) -> float:
    """The largest SHAP value that is drawn, log-odds; the same scale for all features."""
    drawn = (effect for one in importance for dots in one.get("effects", {}).values() for _, effect in dots)
    return max((abs(effect) for effect in drawn), default=0.0)


def draw_effects(found: Mapping[str, Sequence[Sequence[Any]]], most: float) -> Effects:
    """found: `effects` of a feature, as `scoring.ml.effects.importance` gives them. most: what reaches the edge."""
    dots, said = [], []
    for kind, words, top in _KINDS:
        effects = [effect for _, effect in found.get(kind, ())]
        if effects:
            said.append(f"{words} {min(effects):+.2f} to {max(effects):+.2f}, in the middle {median(effects):+.2f}")
        for number, (place, effect) in enumerate(found.get(kind, ())):
            # Square roots: small effects are seen beside large ones.
            x = WIDTH / 2 + copysign(_ROOM * sqrt(abs(effect) / (most or 1.0)), effect)
            dots.append(Dot(f"{x:.1f}", f"{top + _STEP * (number % _LINES):.1f}", _shade(place)))
    return Effects(dots, "; ".join(said))


def _shade(place: float | None) -> str:
    return "missing" if place is None else next(css for most, css in _SHADES if place <= most)
