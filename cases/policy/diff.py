"""Two contents of a policy side by side, in words; texts word by word."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from scoring.services.policy import BandDraft, RuleDraft
from scoring.services.policy_content import Change, Content, changes_between

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_TITLES = {
    "code": "Code",
    "name": "Name",
    "expression": "Condition",
    "outcome": "Outcome",
    "points": "Points",
    "reason_code": "Reason code",
    "words": "Words",
    "owner": "Keeper",
    "tags": "Tags",
    "expires_at": "Expires",
    "is_enabled": "Switched on",
}


@dataclass(frozen=True)
class Piece:
    """Part of a text; `kind` is `same`, `out` (only before) or `in` (only after)."""

    text: str
    kind: str


@dataclass(frozen=True)
class Line:
    """One thing that is otherwise: its title, and both texts in pieces."""

    title: str
    before: Sequence[Piece]
    after: Sequence[Piece]


@dataclass(frozen=True)
class Entry:
    """A part of a version that was added, taken out or changed. `rule`: the one to show whole where there is one."""

    title: str
    verb: str
    lines: Sequence[Line]
    rule: RuleDraft | None = None


@dataclass(frozen=True)
class Diff:
    """All that is otherwise, by kind."""

    own: Sequence[Entry]
    bands: Sequence[Entry]
    lists: Sequence[Entry]
    rules: Sequence[Entry]

    @property
    def counts(self) -> dict[str, int]:
        """Rules by what happened to them."""
        return {verb: sum(entry.verb == verb for entry in self.rules) for verb in ("added", "changed", "taken out")}

    def __bool__(self) -> bool:
        return bool(self.own or self.bands or self.lists or self.rules)


def diff_of(before: Content | None, after: Content) -> Diff:
    """What `after` says otherwise than `before` (None: all of it is new)."""
    changes = changes_between(before, after)
    return Diff(
        own=[_own(change) for change in changes if change.part[0] in ("thresholds", "points")],
        bands=[_entry(change, _band_words) for change in changes if change.part[0] == "band"],
        lists=[_entry(change, str) for change in changes if change.part[0] == "list"],
        rules=sorted((_of_rule(change) for change in changes if change.part[0] == "rule"), key=_by_title),
    )


def pieces_of(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts with the words that are not in the other one marked."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    left, right = [], []
    for tag, start, end, begin, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        is_same = tag == "equal"
        left.append(Piece("".join(old[start:end]), "same" if is_same else "out"))
        right.append(Piece("".join(new[begin:stop]), "same" if is_same else "in"))
    return [piece for piece in left if piece.text], [piece for piece in right if piece.text]


def _own(change: Change) -> Entry:
    kind = "Score" if change.part[0] == "thresholds" else "Points"
    return Entry(kind, _verb(change), list(_pairs(change, (f"{kind} for review", f"{kind} to decline"))))


def _pairs(change: Change, titles: tuple[str, str]) -> Iterator[Line]:
    for number, title in enumerate(titles):
        old, new = (f"{value[number]:g}" if value else "" for value in (change.before, change.after))
        if old != new:
            yield _whole_line(title, old, new)


def _entry(change: Change, words: Any) -> Entry:
    old, new = (words(value) if value is not None else "" for value in (change.before, change.after))
    title = " from ".join(change.part[1:])
    return Entry(title, _verb(change), [_whole_line("", old, new)])


def _of_rule(change: Change) -> Entry:
    if change.before is None or change.after is None:
        return Entry(change.part[1], _verb(change), (), rule=change.after or change.before)
    old, new = vars(change.before), vars(change.after)
    names = [name for name in _TITLES if old[name] != new[name]]
    return Entry(change.part[1], _verb(change), [_line(name, old[name], new[name]) for name in names])


def _line(name: str, before: Any, after: Any) -> Line:
    old, new = _text(name, before), _text(name, after)
    if name in ("expression", "words", "name"):
        return Line(_TITLES[name], *pieces_of(old, new))
    return _whole_line(_TITLES[name], old, new)


def _whole_line(title: str, old: str, new: str) -> Line:
    return Line(title, [Piece(old, "out")] if old else [], [Piece(new, "in")] if new else [])


def _text(name: str, value: Any) -> str:
    if name == "tags":
        return ", ".join(value)
    if name == "is_enabled":
        return "yes" if value else "no"
    if name == "expires_at":
        return f"{value:%Y-%m-%d %H:%M} UTC" if value else "never"
    return "" if value is None else str(value)


def _band_words(band: BandDraft) -> str:
    return f"review from {band.review_threshold:g}, decline from {band.decline_threshold:g}"


def _verb(change: Change) -> str:
    if change.before is None:
        return "added"
    return "taken out" if change.after is None else "changed"


def _by_title(entry: Entry) -> tuple[str, str]:
    return entry.verb, entry.title
