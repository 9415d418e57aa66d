"""Patterns on texts: LIKE and regular expressions, both in time that grows with the text and no faster.

Regular expressions are RE2's: no backtracking, so no expression that takes for ever. What it cannot do in a bounded
program, back references and looking around, it refuses.
"""

import re2

from scoring.rules.errors import Place, RuleError, quoted

# A larger one takes RE2 more than some milliseconds on the longest text a payment can carry, at worst.
MAX_PROGRAM = 500
_MEMORY_BYTES = 1 << 20


class Pattern:
    """A compiled pattern. `size` is that of its program, which the cost of asking it grows with."""

    def __init__(self, expression: str, *, is_case_blind: bool = False) -> None:
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        # As in PostgreSQL, `.` is any character.
        options.dot_nl = True
        options.case_sensitive = not is_case_blind
        # Bytes are a microsecond quicker than text, whose places in the match nobody asks for.
        self._search = re2.compile(expression.encode(), options)
        self.size: int = self._search.programsize

    def is_found_in(self, text: str) -> float:
        """1 where it is found anywhere in the text, else 0."""
        return 1.0 if self._search.search(text.encode("utf-8", "surrogatepass")) else 0.0


def regular_expression(expression: str, place: Place, *, is_case_blind: bool) -> Pattern:
    """What is found anywhere in a text unless `^` and `$` say where.

    Raises:
        RuleError: it is none, in RE2's words, or too large.
    """
    try:
        found = Pattern(expression, is_case_blind=is_case_blind)
    except re2.error as error:
        raise RuleError(
            f"The regular expression {quoted(expression)} is refused: {_words_of(error)}.", place
        ) from error
    if found.size > MAX_PROGRAM:
        raise RuleError(
            f"The regular expression {quoted(expression)} is too large ({found.size} steps, at most {MAX_PROGRAM}); "
            "shorten its repetitions or make two rules of it.",
            place,
        )
    return found


def _words_of(error: Exception) -> str:
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)


def like(pattern: str, place: Place) -> Pattern:
    """`%` is any text, `_` any character, and a backslash takes what follows as it is.

    Raises:
        RuleError: it ends with a backslash, or is too large.
    """
    made, rest = [], iter(pattern)
    for character in rest:
        if character == "\\":
            following = next(rest, None)
            if following is None:
                raise RuleError(f"The pattern {quoted(pattern)} ends with a backslash; write two for one.", place)
            made.append(re2.escape(following))
        else:
            made.append({"%": ".*", "_": "."}.get(character) or re2.escape(character))
    return regular_expression(f"^{''.join(made)}$", place, is_case_blind=False)
