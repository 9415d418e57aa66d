"""The language as a table, for the help beside an editor and for its documentation."""

from dataclasses import dataclass

from scoring.rules.fields import EXTRA, FIELDS, LISTED, Field
from scoring.rules.functions import CASTS, CHOICES, FUNCTIONS, IN_LIST, MATCHES, Function


@dataclass(frozen=True)
class Part:
    """A function or an operator: how it is written, what it gives, what it does, and a condition with it."""

    name: str
    written: str
    gives: str
    words: str
    example: str


@dataclass(frozen=True)
class Language:
    """All that a condition can be made of."""

    fields: tuple[Field, ...]
    functions: tuple[Part, ...]
    operators: tuple[Part, ...]


_OPERATORS = (
    Part("=", "a = b, a <> b", "truth", "Equal or not; of two values of one kind", "currency = 'EUR'"),
    Part("<", "a < b, a <= b, a > b, a >= b", "truth", "Of numbers and of times", "amount >= 500"),
    Part("AND", "a AND b, a OR b, NOT a", "truth", "NOT binds strongest, OR weakest", "amount > 5 AND NOT card_km > 9"),
    Part("BETWEEN", "a BETWEEN low AND high", "truth", "Both borders belong to it", "amount BETWEEN 90 AND 99.99"),
    Part("IN", "a IN (1, 2), a NOT IN ('x', 'y')", "truth", "One of up to 500 values", "channel IN ('atm', 'pos')"),
    Part("IS NULL", "a IS NULL, a IS NOT NULL", "truth", "Whether it is missing", "device_id IS NULL"),
    Part("IS TRUE", "a IS TRUE, a IS NOT TRUE", "truth", "True or not, never missing", "extra.vip IS NOT TRUE"),
    Part("LIKE", "a LIKE 'x%', a ILIKE 'x%'", "truth", "% any text, _ one character; ILIKE whatever the case",
         "merchant_name ILIKE '%gift%'"),
    Part("~", "a ~ 're', a ~* 're', a !~ 're'", "truth", "A regular expression (RE2); ~* whatever the case",
         "merchant_name ~* '^gift'"),
    Part("+", "a + b, a - b, a * b, a / b, a % b, -a", "number", "By 0 is missing; two times differ by seconds",
         "amount % 1 = 0.99"),
    Part("CASE", "CASE WHEN a THEN x ELSE y END", "the kind of x", "The value of the first condition that holds",
         "amount > CASE WHEN channel = 'atm' THEN 200 ELSE 900 END"),
)  # fmt: skip


def describe() -> Language:
    """Fields, functions and operators, with kinds and words."""
    choices = [
        Part(name, f"{name}({'a, b' if one.most == 2 else 'a, b, ...'})", "the kind of a", f"{one.words}", one.example)
        for name, one in CHOICES.items()
    ]
    casts = [
        Part(name, f"{name}({EXTRA}.x)", kind, f"What was sent in {EXTRA}, as a {kind}; missing where it is none",
             f"{name}({EXTRA}.x) IS NULL")
        for name, kind in CASTS.items()
    ]  # fmt: skip
    functions = (*(_described(name, one) for name, one in FUNCTIONS.items()), _MATCHES, *choices, *casts, _IN_LIST)
    return Language(tuple(FIELDS.values()), functions, _OPERATORS)


def _described(name: str, function: Function) -> Part:
    needed = function.fewest or len(function.takes)
    written = ", ".join(function.takes[:needed]) + "".join(f"[, {kind}]" for kind in function.takes[needed:])
    return Part(name, f"{name}({written})", function.gives, function.words, function.example)


_MATCHES = Part(
    MATCHES, f"{MATCHES}(text, 're')", "truth", "The same as ~: whether a regular expression is found in the text",
    "matches(extra.email, '^[a-z]+[0-9]{4,}@')",
)  # fmt: skip
_IN_LIST = Part(
    IN_LIST, f"{IN_LIST}(field, 'list')", "truth", f"Whether it is on a list; of {', '.join(LISTED)}",
    "in_list(card_id, 'mules')",
)  # fmt: skip
