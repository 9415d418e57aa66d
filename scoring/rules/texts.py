"""Patterns on texts: LIKE and regular expressions, both in time that grows with the text and no faster.

Regular expressions are RE2's: no backtracking, so no expression that takes for ever. What it cannot do in a bounded
program, back references and looking around, it refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass

import re2

from scoring.rules import cost
from scoring.rules.errors import Place, RuleError, quoted

# A larger one takes RE2 more than some milliseconds on the longest text a payment can carry, at worst.
_MAX_PROGRAM = 400
_MEMORY_BYTES = 1 << 20


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern: whether it is found in a text, 1 or 0, and the nanoseconds this takes."""

    is_found_in: Callable[[str], float]
    cost: float


def regular_expression(expression: str, place: Place, *, is_case_blind: bool) -> Pattern:
    """What is found anywhere in a text unless `^` and `$` say where.

    Raises:
        RuleError: it is none, in RE2's words, or too large.
    """
    return _compiled(expression, f"The regular expression {quoted(expression)}", place, is_case_blind=is_case_blind)


def _compiled(expression: str, name: str, place: Place, *, is_case_blind: bool) -> Pattern:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    # As in PostgreSQL, `.` is any character.
    options.dot_nl = True
    options.case_sensitive = not is_case_blind
    try:
        # Bytes are a microsecond quicker than text, whose places in the match nobody asks for.
        found = re2.compile(expression.encode(), options)
    except re2.error as error:
        raise RuleError(
            f"The regular expression {quoted(expression)} is refused: {_words_of(error)}.", place
        ) from error
    if found.programsize > _MAX_PROGRAM:
        raise RuleError(
            f"{name} is too large: {found.programsize} steps where {_MAX_PROGRAM} are allowed. "
            "Shorten it or make two rules of it.",
            place,
        )
    search = found.search
    return Pattern(
        lambda text: 1.0 if search(text.encode("utf-8", "surrogatepass")) else 0.0,
        cost.PATTERN + cost.PATTERN_STEP * found.programsize,
    )


def _words_of(error: Exception) -> str:
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def like(pattern: str, place: Place) -> Pattern:
    """`%` is any text, `_` any character, and a backslash takes what follows as it is.

    Raises:
        RuleError: it ends with a backslash, or is too large.
    """
    middle = pattern.strip("%")
    if not any(sign in middle for sign in "%_\\"):
        return Pattern(_plain(middle, pattern), cost.EACH_TEXT)
    made, rest = [], iter(pattern)
    for character in rest:
        if character == "\\":
            following = next(rest, None)
            if following is None:
                raise RuleError(f"The pattern {quoted(pattern)} ends with a backslash; write two for one.", place)
            made.append(re2.escape(following))
        else:
            made.append({"%": ".*", "_": "."}.get(character) or re2.escape(character))
    return _compiled(f"^{''.join(made)}$", f"The pattern {quoted(pattern)}", place, is_case_blind=False)


def _plain(middle: str, pattern: str) -> Callable[[str], float]:
    """The same of a pattern with `%` at its ends only, as most have."""
    is_open_before, is_open_after = pattern.startswith("%"), pattern.endswith("%")
    if is_open_before and is_open_after:
        return lambda text: float(middle in text)
    if is_open_before:
        return lambda text: float(text.endswith(middle))
    if is_open_after:
        return lambda text: float(text.startswith(middle))
    return lambda text: float(text == middle)
