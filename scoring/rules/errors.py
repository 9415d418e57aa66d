"""What is wrong with a rule, said with the place and the nearest right name."""

from collections.abc import Iterable
from difflib import get_close_matches

Place = tuple[int, int]
_MOST_QUOTED = 60


class RuleError(ValueError):
    """The condition is not a rule; the message quotes the place and, where there is one, the nearest name.

    `place`: where in the text the fault begins and ends, None where it is everywhere.
    """

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.place = place


def quoted(text: str) -> str:
    """A piece of a rule for a message, in one line and not too much of it."""
    line = " ".join(text.split())
    return f"`{line if len(line) <= _MOST_QUOTED else line[: _MOST_QUOTED - 3] + '...'}`"


def nearest(name: str, known: Iterable[str]) -> str:
    """` Did you mean ...?` with up to three known names like this one, the nearest first; empty where none is near."""
    by_lower = {one.lower(): one for one in known}
    near = [f"`{by_lower[one]}`" for one in get_close_matches(name[:_MOST_QUOTED].lower(), by_lower, n=3)]
    if not near:
        return ""
    return f" Did you mean {', '.join(near[:-1])}{' or ' if near[1:] else ''}{near[-1]}?"
