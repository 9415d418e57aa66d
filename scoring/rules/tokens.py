"""The words and signs of a condition, and where in the text they stand."""

import re
from typing import NamedTuple

from scoring.rules.errors import RuleError, quoted

_PIECE = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<name>"(?:[^"]|"")*")
    |(?P<text>'(?:[^']|'')*')
    |(?P<sign><=|>=|<>|!=|!~\*|!~|~\*|[-+*/%=<>~(),.])
    """,
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset(
    (
        "OR", "AND", "NOT", "IS", "IN", "BETWEEN", "LIKE", "ILIKE", "NULL", "TRUE", "FALSE", "UNKNOWN", "CASE", "WHEN",
        "THEN", "ELSE", "END", "SYMMETRIC",
    )
)  # fmt: skip


class Token(NamedTuple):
    """`kind`: number, name, text, sign (keywords too, in capitals), end."""

    kind: str
    text: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """All of them, and the end.

    Raises:
        RuleError: there is something between them.
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        kind, piece = str(match.lastgroup), match.group()
        if kind == "word":
            is_keyword = piece.upper() in _KEYWORDS and not (
                found and found[-1].text == "." and found[-1].kind == "sign"
            )
            kind, piece = ("sign", piece.upper()) if is_keyword else ("name", piece)
        elif kind in ("name", "text"):
            piece = piece[1:-1].replace(piece[0] * 2, piece[0])
        if kind != "space":
            found.append(Token(kind, piece, at, match.end()))
        at = match.end()
    return [*found, Token("end", "", len(text), len(text))]


def _unreadable(text: str, at: int) -> RuleError:
    character = text[at]
    if character in "'\"":
        hint = "what begins here does not end"
    elif character in "\u2018\u2019\u201c\u201d":
        hint = "write texts between straight quotes: 'like this'"
    else:
        hint = "this sign has no meaning here"
    return RuleError(f"The condition cannot be read at {quoted(text[at : at + 20])}: {hint}.", (at, at + 1))
