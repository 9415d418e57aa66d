"""What a check found, in numbers and in words. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_EXAMPLES = 5
HOLDS, BROKEN, NOT_CHECKABLE = "holds", "broken", "not checkable"
# Nothing speaks against it, but not all could be looked at.
IN_PART = "holds in part"


@dataclass
class Check:
    """One invariant: what was looked at, what speaks against it, what could not be looked at and why."""

    letter: str
    says: str
    advice: str
    counts: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    examples: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Note that something was looked at; 0 says that there was nothing to look at."""
        self.counts[what] = self.counts.get(what, 0) + number

    def fault(self, words: str, *, number: int = 1) -> None:
        """Note what breaks the invariant."""
        self.faults += number
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(words)

    @property
    def standing(self) -> str:
        if self.faults:
            return BROKEN
        if not self.counts:
            return NOT_CHECKABLE
        return IN_PART if self.unknown else HOLDS

    def as_json(self) -> dict[str, Any]:
        return {
            "invariant": self.letter,
            "says": self.says,
            "standing": self.standing,
            "counts": self.counts,
            "faults": self.faults,
            "examples": self.examples,
            "unknown": self.unknown,
            "advice": self.advice if self.faults else "",
        }


def is_broken(checks: Sequence[Check]) -> bool:
    return any(check.faults for check in checks)


def in_words(checks: Sequence[Check]) -> str:
    """A line an invariant, and what there is to say about it below."""
    return "\n".join(line for check in checks for line in _lines(check))


def _lines(check: Check) -> list[str]:
    counts = ", ".join(f"{number:,} {what}" for what, number in check.counts.items())
    lines = [f"{check.letter}  {check.standing:<13}  {check.says}" + (f" ({counts})" if counts else "")]
    lines += [f"     not checked: {words}" for words in check.unknown]
    if check.faults:
        lines += [f"     {printable(words)}" for words in check.examples]
        if check.faults > len(check.examples):
            lines.append(f"     and more: {check.faults:,} in all")
        lines.append(f"     What to do: {check.advice}")
    return lines


def printable(text: str) -> str:
    """Without what a terminal takes for orders."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
