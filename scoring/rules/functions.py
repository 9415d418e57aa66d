"""The functions of the rule language, one row each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from scoring.rules import cost
from scoring.rules.columns import Columns, Floats
from scoring.rules.errors import RuleError
from scoring.rules.fields import Kind
from scoring.rules.texts import Pattern
from scoring.rules.times import PARTS, local_times, zone_named
from scoring.rules.values import Reading, Value


@dataclass(frozen=True)
class Function:
    """`takes`: the kind of each argument, the last of them optional where `fewest` says so.

    `literal`: places of arguments that must be written out, for they are looked at once, when the rule is compiled.
    `cost`: nanoseconds a payment.
    """

    takes: tuple[Kind, ...]
    gives: Kind
    make: Callable[[Sequence[Value]], Reading]
    words: str
    example: str
    cost: float
    fewest: int = 0
    literal: frozenset[int] = field(default=frozenset())

    def takes_count(self, count: int) -> bool:
        return (self.fewest or len(self.takes)) <= count <= len(self.takes)


@dataclass(frozen=True)
class Choice:
    """A function of arguments of one kind, whichever of `kinds` that is, which gives that kind too."""

    kinds: tuple[Kind, ...]
    make: Callable[[Floats, Floats], Floats]
    words: str
    example: str
    most: int

    def reading(self, values: Sequence[Value]) -> Reading:
        reads = [value.read for value in values]
        return lambda columns: reduce(self.make, (read(columns) for read in reads))


def _computed(operation: Callable[[Floats], Floats]) -> Callable[[Sequence[Value]], Reading]:
    def make(values: Sequence[Value]) -> Reading:
        read = values[0].read
        return lambda columns: operation(read(columns))

    return make


def _changed(change: Callable[[str], str]) -> Callable[[Sequence[Value]], Reading]:
    """Another text of each."""

    def make(values: Sequence[Value]) -> Reading:
        return each(values[0], lambda columns, text: columns.code_of(change(text)))

    return make


def each(value: Value, ask: Callable[[Columns, str], float]) -> Reading:
    """What is said of each distinct text of a value."""
    key, read = value.key, value.read
    return lambda columns: columns.each(key, read(columns), lambda text: ask(columns, text))


def _length(values: Sequence[Value]) -> Reading:
    return each(values[0], lambda _, text: float(len(text)))


def _compared(compare: Callable[[str, str], bool]) -> Callable[[Sequence[Value]], Reading]:
    """A text with a part of it; asked of each distinct pair unless the part is written out."""

    def make(values: Sequence[Value]) -> Reading:
        whole, part = values
        wanted = part.constant
        if isinstance(wanted, str):
            return each(whole, lambda _, text: float(compare(text, wanted)))
        return lambda columns: columns.each_pair(
            whole.read(columns), part.read(columns), lambda text, other: float(compare(text, other))
        )

    return make


def _substring(values: Sequence[Value]) -> Reading:
    """From its first character, number 1, as many as are asked for; what lies outside of the text counts too."""
    first, *rest = (_whole_number(value) for value in values[1:])
    if rest and rest[0] < 0:
        raise RuleError("`substr` cannot take fewer than 0 characters.", values[2].place)
    begin, end = max(first - 1, 0), max(first - 1 + rest[0], 0) if rest else None
    return each(values[0], lambda columns, text: columns.code_of(text[begin:end]))


def _whole_number(value: Value) -> int:
    number = value.constant
    if not isinstance(number, float) or not number.is_integer() or abs(number) > 10_000:
        raise RuleError("`substr` counts in whole numbers up to 10,000.", value.place)
    return int(number)


def found_by(pattern: Pattern, value: Value) -> Reading:
    """Whether a pattern is found in each text."""
    return each(value, lambda _, text: pattern.is_found_in(text))


def _clock(part: Callable[[Floats], Floats]) -> Callable[[Sequence[Value]], Reading]:
    """A part of the time in UTC, or in the zone that is named."""

    def make(values: Sequence[Value]) -> Reading:
        time = values[0]
        if len(values) == 1:
            return lambda columns: part(time.read(columns))
        zone = zone_named(str(values[1].constant), values[1].place)
        return lambda columns: part(local_times(time.key, time.read(columns), zone, columns))

    return make


def _of_time(part: str, words: str, compared: str) -> Function:
    return Function(
        ("time", "text"), "number", _clock(PARTS[part]), f"{words}, in UTC or the time zone named",
        f"{part}(occurred_at, 'Europe/Paris') {compared}", cost.CLOCK, fewest=1, literal=frozenset({1}),
    )  # fmt: skip


def _of_number(operation: Callable[[Floats], Floats], words: str, example: str) -> Function:
    return Function(("number",), "number", _computed(operation), words, example, cost.ARITHMETIC)


def _of_texts(compare: Callable[[str, str], bool], words: str, example: str) -> Function:
    return Function(("text", "text"), "truth", _compared(compare), words, example, cost.EACH_PAIR)


FUNCTIONS: dict[str, Function] = {
    "abs": _of_number(np.abs, "The number without its sign", "abs(latitude) > 60"),
    "round": _of_number(np.rint, "The nearest whole number, of two the even one", "amount = round(amount)"),
    "floor": _of_number(np.floor, "The largest whole number not above it", "floor(amount) = 99"),
    "ceil": _of_number(np.ceil, "The smallest whole number not below it", "ceil(amount) = 100"),
    "lower": Function(
        ("text",), "text", _changed(str.lower), "The text in small letters", "lower(merchant_name) = 'acme'",
        cost.EACH_TEXT,
    ),
    "upper": Function(
        ("text",), "text", _changed(str.upper), "The text in capitals", "upper(extra.plan) = 'GOLD'", cost.EACH_TEXT
    ),
    "length": Function(
        ("text",), "number", _length, "How many characters it has", "length(merchant_name) < 3", cost.EACH_TEXT
    ),
    "substr": Function(
        ("text", "number", "number"), "text", _substring, "Characters from this place on (1 is the first), so many",
        "substr(card_id, 1, 6) = '411111'", cost.EACH_TEXT, fewest=2, literal=frozenset({1, 2}),
    ),
    "starts_with": _of_texts(str.startswith, "Whether the text begins with the other", "starts_with(card_id, 'tok_')"),
    "ends_with": _of_texts(str.endswith, "Whether the text ends with the other", "ends_with(extra.email, '.invalid')"),
    "contains": _of_texts(
        str.__contains__, "Whether the other stands anywhere in the text", "contains(lower(merchant_name), 'gift')"
    ),
    "hour": _of_time("hour", "The hour, 0 to 23", "< 6"),
    "minute": _of_time("minute", "The minute, 0 to 59", "= 0"),
    "weekday": _of_time("weekday", "The day of the week, 1 (Monday) to 7", ">= 6"),
    "day": _of_time("day", "The day of the month, 1 to 31", "= 1"),
    "month": _of_time("month", "The month, 1 to 12", "= 12"),
}  # fmt: skip
CHOICES: dict[str, Choice] = {
    "least": Choice(
        ("number", "time"), np.minimum, "The smallest; missing where one is", "least(card_km, card_kmh) > 5", 20,
    ),
    "greatest": Choice(
        ("number", "time"), np.maximum, "The largest; missing where one is", "greatest(card_km, card_kmh) < 1", 20,
    ),
    "coalesce": Choice(
        ("number", "text", "time", "truth"), lambda one, other: np.where(np.isnan(one), other, one),
        "The first that is not missing", "coalesce(extra.items, 1) > 10", 20,
    ),
    "nullif": Choice(
        ("number", "text", "time", "truth"), lambda one, other: np.where(one == other, np.nan, one),
        "The first, missing where it equals the second", "nullif(merchant_name, '') IS NULL", 2,
    ),
}  # fmt: skip
# They read what the sender gave in `extra` as a kind.
CASTS: dict[str, Kind] = {"number": "number", "text": "text", "time": "time", "truth": "truth"}
ALIASES = {"ceiling": "ceil", "substring": "substr"}
IN_LIST, MATCHES = "in_list", "matches"
NAMES = (*FUNCTIONS, *CHOICES, *CASTS, IN_LIST, MATCHES)
