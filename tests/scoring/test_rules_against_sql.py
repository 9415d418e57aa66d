"""Any condition hits the same payments alone, in a batch, and in PostgreSQL."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import RuleError, compile_condition
from tests.scoring.asking import hits_of
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import make_payment

FEATURES = ("card_km", "card_count_1h", "merchant_count_24h")
NUMBERS = ("amount", *FEATURES, "score")
TEXTS = ("merchant_country", "card_country", "merchant_name")
_VALUES = ("0.0", "1.0", "2.0", "0.5", "12.5", "499.99", "1000.0")
_HUGE = (*_VALUES, "1e308", "1e-308")


@dataclass(frozen=True)
class Row:
    """A payment's fields; None where one is missing."""

    numbers: tuple[float | None, ...]
    texts: tuple[str | None, ...]


def numbers(literals):
    """Number expressions that read a field, for PostgreSQL divides two literals as whole numbers; and literals."""
    literal = st.sampled_from([sign + text for sign in ("", "-") for text in literals])
    field = st.sampled_from(NUMBERS)

    def computed(inner):
        other = inner | literal
        return st.one_of(
            inner.map("(-({}))".format),
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), other),
            st.builds("({} {} {})".format, literal, st.sampled_from("+-*"), inner),
            st.builds("({} / [{}])".format, inner, other),
            st.builds("({} / [{}])".format, literal, inner),
        )

    return st.recursive(field, computed, max_leaves=3), literal


def lists(items):
    return st.lists(items, min_size=1, max_size=4).map(", ".join)


def conditions(literals):
    """What the grammar allows, each part reading a field."""
    number, literal = numbers(literals)
    text, quoted = st.sampled_from(TEXTS), st.sampled_from(("'FR'", "'DE'", "'O''Brien'", "''"))
    is_in, between = st.sampled_from(("IN", "NOT IN")), st.sampled_from(("BETWEEN", "NOT BETWEEN"))
    leaf = st.one_of(
        st.builds("{} {} {}".format, number, st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), number | literal),
        st.builds("{} {} {}".format, text, st.sampled_from(("=", "<>")), text | quoted),
        st.builds("{} {} ({})".format, number, is_in, lists(literal)),
        st.builds("{} {} ({})".format, text, is_in, lists(quoted)),
        st.builds("{} {} {} AND {}".format, number, between, number | literal, number | literal),
        st.builds("{} IS {}".format, number | text, st.sampled_from(("NULL", "NOT NULL"))),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map("NOT ({})".format),
            st.builds("({}) {} ({})".format, inner, st.sampled_from(("AND", "OR")), inner),
        ),
        max_leaves=6,
    )


def rows():
    cents = st.sampled_from((1, 100, 200, 1250, 49999, 100000)).map(lambda value: value / 100)
    feature = st.none() | st.sampled_from((0.0, 1.0, 2.0, 3.0, 12.5, -1.0))
    score = st.none() | st.sampled_from((0.0, 0.25, 0.5, 1.0))
    country = st.none() | st.sampled_from(("FR", "DE"))
    name = st.none() | st.sampled_from(("", "FR", "O'Brien"))
    made = st.builds(Row, st.tuples(cents, *[feature] * len(FEATURES), score), st.tuples(country, country, name))
    return st.lists(made, min_size=1, max_size=8)


def _written(text, opening, closing):
    """A condition whose divisors stand in brackets, with these instead."""
    return text.replace("[", opening).replace("]", closing)


def hits(texts, given_rows):
    """Bool (rows, conditions), as the product finds them."""
    try:
        rules = [CompiledRule("", compile_condition(_written(text, "(", ")")), "review", "") for text in texts]
    except RuleError as error:
        assume("make two rules" not in str(error))
        raise
    sent = [
        make_payment(amount=Decimal(str(row.numbers[0])), **dict(zip(TEXTS, row.texts, strict=True)))
        for row in given_rows
    ]
    found = np.array([[np.nan if value is None else value for value in row.numbers] for row in given_rows])
    vectors = np.array([make_vector(**dict(zip(FEATURES, row[1:-1], strict=True))) for row in found])
    return hits_of(rules, sent, vectors, found[:, -1])


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(conditions(_HUGE), min_size=1, max_size=4), given_rows=rows())
def test_rules_hit_each_row_alone_as_they_do_in_the_batch(texts, given_rows):
    batch = hits(texts, given_rows)

    for number, row in enumerate(given_rows):
        np.testing.assert_array_equal(batch[number], hits(texts, [row])[0])
    for number, text in enumerate(texts):
        np.testing.assert_array_equal(batch[:, number], hits([text], given_rows)[:, 0])


def hits_in_postgresql(texts, given_rows):
    """The same from PostgreSQL. A division by zero, an error there, is made missing."""
    wanted = ", ".join(f"({_written(text, '(NULLIF(', ', 0))')}) IS TRUE" for text in texts)
    arrays = ", ".join(["%s::float8[]"] * len(NUMBERS) + ["%s::text[]"] * len(TEXTS))
    names = ", ".join((*NUMBERS, *TEXTS))
    query = f"SELECT {wanted} FROM unnest({arrays}) WITH ORDINALITY AS payment ({names}, place) ORDER BY place"
    with connection.cursor() as cursor:
        cursor.execute(query, list(map(list, zip(*((*row.numbers, *row.texts) for row in given_rows), strict=True))))
        return np.array(cursor.fetchall())


@pytest.mark.django_db
@settings(max_examples=200, deadline=None)
@given(texts=st.lists(conditions(_VALUES), min_size=1, max_size=4), given_rows=rows())
@example(
    texts=[f"NOT (card_km {comparison} 2.0)" for comparison in ("=", "<>", "<", "<=", ">", ">=")],
    given_rows=[Row((1.0, card_km, None, None, None), (None, None, None)) for card_km in (1.0, 2.0, 3.0, None)],
)
@example(
    texts=["NOT (card_km BETWEEN 1.0 AND 2.0)", "NOT (card_km NOT BETWEEN 1.0 AND 2.0)"],
    given_rows=[Row((1.0, card_km, None, None, None), (None, None, None)) for card_km in (0.5, 1.0, 2.0, 3.0, None)],
)
def test_rules_hit_what_postgresql_finds_with_the_same_text(texts, given_rows):
    np.testing.assert_array_equal(hits(texts, given_rows), hits_in_postgresql(texts, given_rows))
