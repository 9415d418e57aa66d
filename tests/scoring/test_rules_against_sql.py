"""Any condition hits the same payments alone, in a batch of any order, and in PostgreSQL."""

import json

import msgspec
import numpy as np
import pytest
from django.db import connection
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import RuleError, compile_condition
from scoring.transaction import Transaction, encode
from tests.scoring.asking import hits_of
from tests.scoring.rule_world import HUGE, LISTED, NUMBERS, TEXTS, VALUES, Row, Said, conditions, rows, world_of


def hits(texts, given_rows):
    """Bool (rows, conditions), as the product finds them."""
    return ask(texts, world_of(given_rows))


def ask(texts, world):
    try:
        rules = [CompiledRule("", compile_condition(text), "review", "") for text in texts]
    except RuleError as error:
        assume(not any(limit in str(error) for limit in ("make two rules", "costs", "reads no field")))
        raise
    return hits_of(rules, *world)


def lists_of(values):
    return st.lists(conditions(values), min_size=1, max_size=4)


RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(RANDOM, max_examples=100)
@given(said=lists_of(HUGE), given_rows=rows(), order=st.randoms(use_true_random=False))
def test_rules_hit_each_row_alone_as_they_do_in_a_batch_of_any_order(said, given_rows, order):
    texts = [one.rule for one in said]
    batch = hits(texts, given_rows)
    places = list(range(len(given_rows)))
    order.shuffle(places)

    np.testing.assert_array_equal(batch[places], hits(texts, [given_rows[place] for place in places]))
    for number, row in enumerate(given_rows):
        np.testing.assert_array_equal(batch[number], hits(texts, [row])[0])
    for number, text in enumerate(texts):
        np.testing.assert_array_equal(batch[:, number], hits([text], given_rows)[:, 0])


def hits_in_postgresql(said, given_rows):
    """The same from PostgreSQL."""
    wanted = ", ".join(f"({one.sql}) IS TRUE" for one in said).replace("%", "%%")
    names = (*NUMBERS, *TEXTS, *LISTED, "occurred_at", "extra")
    kinds = (*["float8"] * len(NUMBERS), *["text"] * len(TEXTS), "boolean", "boolean", "timestamptz", "text")
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    columns = ", ".join(name if name != "extra" else "extra::jsonb AS extra" for name in names)
    query = (
        f"SELECT {wanted} FROM (SELECT {columns}, place FROM unnest({arrays}) WITH ORDINALITY "
        f"AS sent ({', '.join(names)}, place)) AS payment ORDER BY place"
    )
    values = (
        (*row.numbers, *row.texts, *row.listed, row.occurred_at, None if row.extra is None else json.dumps(row.extra))
        for row in given_rows
    )
    with connection.cursor() as cursor:
        cursor.execute(query, list(map(list, zip(*values, strict=True))))
        return np.array(cursor.fetchall())


def same(text):
    return Said(text, text)


def row_of(card_km):
    return Row((1.0, card_km, None, None, None, None), (None,) * 4, "2026-11-20T12:00:00Z", None, (False, False))


@pytest.mark.django_db
@settings(RANDOM, max_examples=300)
@given(said=lists_of(VALUES), given_rows=rows())
@example(
    said=[same(f"NOT (card_km {comparison} 2.0)") for comparison in ("=", "<>", "<", "<=", ">", ">=")],
    given_rows=[row_of(card_km) for card_km in (1.0, 2.0, 3.0, None)],
)
@example(
    said=[same("NOT (card_km BETWEEN 1.0 AND 2.0)"), same("NOT (card_km NOT BETWEEN 1.0 AND 2.0)")],
    given_rows=[row_of(card_km) for card_km in (0.5, 1.0, 2.0, 3.0, None)],
)
def test_rules_hit_what_postgresql_finds_with_the_same_condition(said, given_rows):
    np.testing.assert_array_equal(hits([one.rule for one in said], given_rows), hits_in_postgresql(said, given_rows))


def recorded(transactions):
    """The payments as they are read again from the record."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT record::text FROM unnest(%s::jsonb[]) WITH ORDINALITY AS kept (record, place) ORDER BY place",
            [[encode(transaction).decode() for transaction in transactions]],
        )
        return [msgspec.json.decode(record, type=Transaction) for (record,) in cursor.fetchall()]


@pytest.mark.django_db
@settings(RANDOM, max_examples=100)
@given(said=lists_of(HUGE), given_rows=rows())
def test_rules_say_of_a_recorded_payment_what_they_said_when_it_came(said, given_rows):
    texts, world = [one.rule for one in said], world_of(given_rows)

    of_record = ask(texts, world._replace(transactions=recorded(world.transactions)))

    np.testing.assert_array_equal(of_record, ask(texts, world))


UNPARENTHESISED = (
    "NOT card_km > 1.0 AND card_km < 3.0 OR card_km = 2.0", "card_km > 1.0 OR card_km < 3.0 AND card_km = 5.0",
    "card_km + 1.0 * 2.0 > 4.0 - 1.0", "- card_km + 3.0 > 1.0", "card_km - 1.0 - 1.0 = 0.0",
    "8.0 / 2.0 / card_km = 2.0",
    "NOT card_km IS NULL", "card_km = 2.0 IS NULL", "card_km > 1.0 IS NOT TRUE", "NOT card_km = 2.0 IS TRUE",
    "card_km BETWEEN 1.0 AND 2.0 AND card_km > 1.5", "card_km BETWEEN 0.0 + 1.0 AND 3.0 - 1.0",
    "NOT card_km BETWEEN 1.0 AND 2.0 OR card_km = 1.0", "NOT NOT card_km IN (1.0, 2.0)", "card_km IN (2.0) = FALSE",
    "card_km > 1.0 AND card_km < 3.0 OR card_km = 3.0 AND card_km > 2.0 OR card_km = 0.5",
    "card_km <> 2.0 OR NOT TRUE = FALSE",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("text", UNPARENTHESISED)
def test_what_has_no_parentheses_binds_as_in_postgresql(text):
    given_rows = [row_of(card_km) for card_km in (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, None)]
    said = [same(text)]

    np.testing.assert_array_equal(hits([text], given_rows), hits_in_postgresql(said, given_rows))
