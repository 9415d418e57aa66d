"""Random payments and random conditions of the whole language, each also as PostgreSQL says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from scoring.rules.lists import ListHit
from scoring.transaction import Transaction
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import make_payment

FEATURES = ("card_km", "card_count_1h", "merchant_count_24h")
NUMBERS = ("amount", *FEATURES, "score", "latitude")
TEXTS = ("merchant_country", "card_country", "merchant_name", "customer_id")
LISTED = ("mule", "risky")
VALUES = ("0.0", "1.0", "2.0", "0.5", "12.5", "499.99", "1000.0")
HUGE = (*VALUES, "1e308", "1e-308")
_TIMES = (
    "2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z",
    "2026-11-20T12:00:00Z", "2026-12-31T23:59:59.5Z", "2024-02-29T18:29:59Z", "1971-05-03T06:07:08Z",
)  # fmt: skip
_NAMES = ("", "FR", "O'Brien", "Gift CARD shop", "50% off", "a_b\\c", "line\nend", "aaa")


@dataclass(frozen=True)
class Row:
    """What is known of a payment, None where it is missing, and whether customer and shop's country are listed."""

    numbers: tuple[float | None, ...]
    texts: tuple[str | None, ...]
    occurred_at: str
    extra: dict[str, Any] | None
    listed: tuple[bool, bool]

    def payment(self) -> Transaction:
        latitude = self.numbers[-1]
        return make_payment(
            amount=Decimal(str(self.numbers[0])), occurred_at=datetime.fromisoformat(self.occurred_at).astimezone(UTC),
            latitude=latitude, longitude=latitude, extra=self.extra, **dict(zip(TEXTS, self.texts, strict=True)),
        )  # fmt: skip

    def hits(self) -> list[ListHit]:
        country, *_, customer = self.texts
        hits = [ListHit("mules", "card", "card-1", ""), ListHit("mules", "country", "SE", "")]
        if self.listed[0] and customer:
            hits.append(ListHit("mules", "customer", customer, ""))
        if self.listed[1] and country:
            hits.append(ListHit("risky", "country", country, ""))
        return hits


class World(NamedTuple):
    """Payments as the engine gets them."""

    transactions: list[Transaction]
    vectors: np.ndarray
    scores: np.ndarray
    listed: dict[int, list[ListHit]]


def world_of(given: Sequence[Row]) -> World:
    found = np.array([[np.nan if value is None else value for value in row.numbers] for row in given])
    vectors = np.array([make_vector(**dict(zip(FEATURES, row[1:4], strict=True))) for row in found])
    listed = {number: row.hits() for number, row in enumerate(given)}
    return World([row.payment() for row in given], vectors, found[:, 4], listed)


def rows(most: int = 8) -> st.SearchStrategy[list[Row]]:
    cents = st.sampled_from((1, 100, 200, 1250, 49999, 100000)).map(lambda value: value / 100)
    feature = st.none() | st.sampled_from((0.0, 1.0, 2.0, 3.0, 12.5, -1.0, 2.5))
    score = st.none() | st.sampled_from((0.0, 0.25, 0.5, 1.0))
    country, customer = st.none() | st.sampled_from(("FR", "DE")), st.none() | st.sampled_from(("c", "FR"))
    leaf = st.sampled_from((None, 1, 2.5, -3, "FR", "gift", "", True, False, "2026-11-20T11:00:00+01:00"))
    extra = st.none() | st.dictionaries(
        st.sampled_from(("a", "b", "Odd name")), leaf | st.dictionaries(st.just("in"), leaf, max_size=1), max_size=3
    )
    made = st.builds(
        Row,
        st.tuples(cents, *[feature] * len(FEATURES), score, st.none() | st.sampled_from((0.0, -12.5, 60.0))),
        st.tuples(country, country, st.none() | st.sampled_from(_NAMES), customer),
        st.sampled_from(_TIMES),
        extra,
        st.tuples(st.booleans(), st.booleans()),
    )
    return st.lists(made, min_size=1, max_size=most)


class Said(NamedTuple):
    """A part of a condition in the language and in PostgreSQL's."""

    rule: str
    sql: str


Parts = st.SearchStrategy[Said]


def same(*texts: str) -> Parts:
    return st.sampled_from([Said(text, text) for text in texts])


def say(rule: str, *parts: Parts, sql: str = "") -> Parts:
    """`{0}` ... are the parts, in both languages."""
    return st.tuples(*parts).map(
        lambda given: Said(rule.format(*(one.rule for one in given)), (sql or rule).format(*(one.sql for one in given)))
    )


def listing(items: Parts) -> Parts:
    """Some of them with commas between; more than are compared one by one, too."""
    long = st.integers(0, 1).map(lambda size: size * 20)
    return st.tuples(st.lists(items, min_size=1, max_size=4), long).map(
        lambda given: Said(*(", ".join([*said, *said[:1] * given[1]]) for said in zip(*given[0], strict=True)))
    )


_PATHS = (("extra.a", "extra->'a'"), ("extra.b.in", "extra->'b'->'in'"), ('extra."Odd name"', "extra->'Odd name'"))


def given_in_extra(kind: str, reading: str, *, cast: bool = True) -> Parts:
    """What stands in extra as a kind of JSON. Without a cast only where the rest says which kind it is."""
    writings = [f"{kind}({{}})", "{}"] if not cast else [f"{kind}({{}})"]
    json = {"number": "number", "text": "string", "truth": "boolean", "time": "string"}[kind]
    return st.sampled_from(
        [
            Said(
                writing.format(rule),
                f"(CASE WHEN jsonb_typeof({sql}) = '{json}' THEN {reading.format(f'({sql})')} END)",
            )
            for rule, sql in _PATHS
            for writing in writings
        ]
    )


_CLOCKS = {"hour": "hour", "minute": "minute", "weekday": "isodow", "day": "day", "month": "month"}
_ZONES = ("UTC", "Europe/Paris", "Asia/Kolkata", "America/New_York", "Africa/Monrovia")


def clocks() -> Parts:
    made = [
        Said(f"{part}(occurred_at, '{zone}')", f"extract({sql} FROM occurred_at AT TIME ZONE '{zone}')::float8")
        for part, sql in _CLOCKS.items()
        for zone in _ZONES
    ]
    made += [Said(f"{part}(occurred_at)", f"extract({sql} FROM occurred_at AT TIME ZONE 'UTC')::float8")
             for part, sql in _CLOCKS.items()]  # fmt: skip
    return st.sampled_from(made)


def numbers(values: Sequence[str], text: Parts) -> tuple[Parts, Parts]:
    """Numbers that read a field, for PostgreSQL divides two literals as whole numbers; and literals."""
    literal = same(*(sign + value for sign in ("", "-") for value in values))
    small = same(*(value for value in VALUES if value not in ("0.0", "499.99")))
    seconds = say("(occurred_at - {0})", times(), sql="extract(epoch FROM (occurred_at - {0}))::float8")
    field = st.one_of(
        same(*NUMBERS),
        clocks(),
        seconds,
        given_in_extra("number", "{}::float8"),
        say("length({0})", text, sql="length({0})::float8"),
        say("({0} % {1})", same(*NUMBERS), small | same("card_km"),
            sql="mod({0}::numeric, NULLIF({1}::numeric, 0))::float8"),
    )  # fmt: skip

    def computed(inner: Parts) -> Parts:
        other = inner | literal
        return st.one_of(
            say("(-({0}))", inner),
            st.sampled_from("+-*").flatmap(lambda sign: say(f"({{0}} {sign} {{1}})", inner, other)),
            st.sampled_from("+-*").flatmap(lambda sign: say(f"({{0}} {sign} {{1}})", literal, inner)),
            say("({0} / ({1}))", inner, other, sql="({0} / (NULLIF({1}, 0)))"),
            st.sampled_from(("abs", "round", "floor", "ceil")).flatmap(lambda name: say(f"{name}({{0}})", inner)),
            say("coalesce({0}, {1})", inner, other),
            say("nullif({0}, {1})", inner, other),
            st.sampled_from(("least", "greatest")).flatmap(
                lambda name: say(
                    f"{name}({{0}}, {{1}})",
                    inner,
                    other,
                    sql=f"(CASE WHEN ({{0}}) IS NOT NULL AND ({{1}}) IS NOT NULL THEN {name}({{0}}, {{1}}) END)",
                )
            ),
            say("CASE WHEN {0} THEN {1} WHEN {2} THEN {3} END", simple(), inner, simple(), other),
            say("CASE WHEN {0} THEN {1} ELSE {2} END", simple(), inner, other),
        )

    return st.recursive(field, computed, max_leaves=3), literal


def simple() -> Parts:
    return same("card_km > 1.0", "merchant_country = 'FR'", "score IS NULL", "NOT (amount < 2.0 AND score < 0.5)")


def texts() -> Parts:
    def computed(inner: Parts) -> Parts:
        return st.one_of(
            say("lower({0})", inner),
            say("upper({0})", inner),
            say("substr({0}, 2)", inner),
            say("substr({0}, 0, 3)", inner),
            say("nullif({0}, 'FR')", inner),
            say("coalesce({0}, {1})", inner, inner),
            say("CASE WHEN {0} THEN {1} ELSE 'FR' END", simple(), inner),
        )

    return st.recursive(same(*TEXTS) | given_in_extra("text", "({} #>> '{{}}')"), computed, max_leaves=2)


def written_times() -> Parts:
    return st.sampled_from([Said(f"'{time}'", f"TIMESTAMPTZ '{time}'") for time in _TIMES])


def times() -> Parts:
    explicit = st.sampled_from([Said(f"TIMESTAMP '{time}'", f"TIMESTAMPTZ '{time}'") for time in _TIMES])
    given = given_in_extra("time", "(CASE WHEN {0} #>> '{{}}' LIKE '2026%' THEN {0} #>> '{{}}' END)::timestamptz")
    return explicit | st.just(Said("occurred_at", "occurred_at")) | given


def truths(text: Parts, *, cast: bool = False) -> Parts:
    """What is true or false by itself."""
    pattern = same(
        "'%'", "'F_'", "'%i%'", "'%CARD%'", "'50\\%%'", "'%\\_b%'", "'O%n'", "'Gift CARD shop'", "''", "'%R'", "'G%'"
    )
    expression = same("'^O'", "'i.t'", "'[A-Z]+$'", "'(a|b)_'", "'a{2,}'", "'e.e'", "'^$'", "'\\\\'")
    piece = same("'FR'", "'i'", "''", "'O'''") | text
    likes, matches = ("LIKE", "ILIKE", "NOT LIKE", "NOT ILIKE"), ("~", "~*", "!~", "!~*")
    return st.one_of(
        st.sampled_from(likes).flatmap(lambda sign: say(f"({{0}} {sign} {{1}})", text, pattern)),
        st.sampled_from(matches).flatmap(lambda sign: say(f"({{0}} {sign} {{1}})", text, expression)),
        say("matches({0}, {1})", text, expression, sql="({0} ~ {1})"),
        say("starts_with({0}, {1})", text, piece, sql="(left({0}, length({1})) = {1})"),
        say("ends_with({0}, {1})", text, piece, sql="(right({0}, length({1})) = {1})"),
        say("contains({0}, {1})", text, piece, sql="(strpos({0}, {1}) > 0)"),
        given_in_extra("truth", "{}::boolean", cast=cast),
        st.just(Said("in_list(customer_id, 'mules')", "(CASE WHEN customer_id IS NOT NULL THEN mule END)")),
        st.just(Said("in_list(merchant_country, 'risky')", "(CASE WHEN merchant_country IS NOT NULL THEN risky END)")),
        st.just(Said("in_list(merchant_country, 'mules')", "(CASE WHEN merchant_country IS NOT NULL THEN FALSE END)")),
    )  # fmt: skip


def conditions(values: Sequence[str]) -> Parts:
    """What the grammar allows, each part reading a field."""
    text, time = texts(), times()
    number, literal = numbers(values, text)
    quoted, moment = same("'FR'", "'DE'", "'O''Brien'", "''"), written_times()
    signs, equal = ("=", "<>", "<", "<=", ">", ">="), ("=", "<>")
    inside, between = ("IN", "NOT IN"), ("BETWEEN", "NOT BETWEEN")
    truth = truths(text)

    def either(choices: Sequence[str], rule: str, *parts: Parts, sql: str = "") -> Parts:
        return st.sampled_from(choices).flatmap(
            lambda one: say(rule.replace("?", one), *parts, sql=sql.replace("?", one))
        )

    leaf = st.one_of(
        either(signs, "{0} ? {1}", number, number | literal),
        either(equal, "{0} ? {1}", text, text | quoted),
        either(signs, "{0} ? {1}", time, time | moment),
        either(equal, "{0} ? {1}", truth, same("TRUE", "FALSE")),
        either(inside, "{0} ? ({1})", number, listing(literal)),
        either(inside, "{0} ? ({1})", text, listing(quoted)),
        either(inside, "{0} ? ({1})", st.just(Said("occurred_at", "occurred_at")), listing(moment)),
        either(between, "{0} ? {1} AND {2}", number, number | literal, number | literal),
        either(between, "{0} ? {1} AND {2}", time, time, moment),
        either(("NULL", "NOT NULL"), "{0} IS ?", st.one_of(number, text, time, truths(text, cast=True))),
        either(
            ("NULL", "NOT NULL"), "{0} IS ?",
            st.sampled_from([Said(rule, f"NULLIF({sql}, 'null'::jsonb)") for rule, sql in _PATHS]),
        ),
        # IS NULL asks a bare name in extra whether there is any value: under NOT it is asked whether it is true.
        st.one_of(truths(text, cast=True), say("NOT ({0})", truth)),
    )  # fmt: skip
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            say("NOT ({0})", inner),
            either(("NULL", "NOT NULL", "TRUE", "NOT TRUE", "FALSE", "NOT FALSE"), "({0}) IS ?", inner),
            either(("AND", "OR"), "({0}) ? ({1})", inner, inner),
        ),
        max_leaves=6,
    )
