"""The rule language: what it takes, what it refuses and why, and that a missing value never makes a hit."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import MAX_LENGTH, RuleError, compile_condition
from tests.scoring.asking import hits_of
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import make_payment


def hits(expression: str, *, score: float | None = None, payment: dict | None = None, **features: float) -> bool:
    sent = make_payment(**(payment or {}))
    rule = CompiledRule("r", compile_condition(expression), "review", "")
    scores = None if score is None else np.array([score])
    (row,) = hits_of([rule], [sent], np.array([make_vector(amount=float(sent.amount), **features)]), scores)
    return bool(row[0])


TRUE = [
    "amount > 12", "amount >= 12.5", "amount = 12.50", "amount <> 12", "amount != 12", "-amount < -12",
    "amount < 13 AND currency = 'EUR'", "amount > 13 OR currency = 'EUR'", "NOT amount > 13", "NOT (amount > 13)",
    "amount IN (1, 12.5)", "amount NOT IN (1, 2)", "NOT amount IN (1, 2)", "currency NOT IN ('USD')",
    "amount BETWEEN 12.5 AND 13", "amount NOT BETWEEN 13 AND 14", "NOT amount BETWEEN 13 AND 14",
    "merchant_country IS NOT NULL", "customer_id IS NULL", "NOT customer_id IS NOT NULL", "card_km IS NULL",
    "amount * 2 = 25", "amount + 1 - 1 = 12.5", "amount / 5 = 2.5", "(amount - 10) * 4 = 10",
    "merchant_name = 'O''Brien'", "card_count_1h >= 3 AND card_count_1h / 2 = 1.5", "amount > 1 -- or not",
    "\"amount\" > 1", "channel = 'ecommerce'", "NOT NOT amount > 1", "amount > 1 AND NOT (amount > 20 OR amount < 2)",
]  # fmt: skip
FALSE = [
    "amount > 12.5", "amount NOT IN (12.5)", "NOT amount IN (12.5)", "amount NOT BETWEEN 12 AND 13",
    "merchant_country IS NULL", "NOT merchant_country IS NOT NULL", "NOT amount > 1", "currency != 'EUR'",
    "amount > 1 AND amount < 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", TRUE)
def test_a_condition_that_holds_hits(expression):
    assert hits(expression, card_count_1h=3, payment={"merchant_name": "O'Brien"})


@pytest.mark.parametrize("expression", FALSE)
def test_a_condition_that_does_not_hold_does_not_hit(expression):
    assert not hits(expression, card_count_1h=3, payment={"merchant_name": "O'Brien"})


REFUSED = [
    ("", "cannot be read"), ("   ", "cannot be read"), ("amount >", "cannot be read"),
    ("amount > 5 AND", "cannot be read"),
    ("(" * 900 + "amount > 1" + ")" * 900, "nested deeper"), ("amount > 5 LIMIT 1", "cannot be read"),
    ("amount > 'x'", "compares a number with a text"), ("currency = 5", "compares a text with a number"),
    ("currency > 'A'", "equal or not"), ("currency + 1 = 2", "text where a number"),
    ("-currency = 1", "text where a number"),
    ("amount IN ()", "IN needs a list"), ("amount IN ('a')", "IN needs a list"),
    ("currency IN ('EUR', 5)", "IN needs a list"),
    ("amount", "is not a condition"), ("TRUE", "is not a condition"), ("amount > 5 OR TRUE", "is not a condition"),
    ("amount = NULL", "not allowed"), ("amount IS TRUE", "not a condition"),
    ("amount BETWEEN SYMMETRIC 9 AND 1", "smaller number first"), ("amount > 1e999", "too large"),
    ("amount IN (-1e999)", "too large"), ("1 = 1", "reads no field"), ("'a' = 'a' OR 1 < 2", "reads no field"),
    ("amount > 5 AND " * 150 + "amount > 5", "longer than"), ("amount > 5 AND " * 60 + "amount > 5", "make two rules"),
    ("amount IN (" + "1," * 500 + "1)", "put them on a list"), ("extra = 'x'", "name what is in extra"),
    ("amount.x > 1", "no field"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "why"), REFUSED)
def test_what_is_no_condition_is_refused_with_the_reason(expression, why):
    with pytest.raises(RuleError, match=why):
        compile_condition(expression)


INJECTIONS = [
    "amount > 5; DROP TABLE scoring_decision", "DELETE FROM scoring_decision", "amount > (SELECT 1)",
    "amount IN (SELECT amount FROM scoring_decision)", "EXISTS(SELECT 1)", "pg_sleep(5) > 1", "amount > pg_sleep(5)",
    "amount > 5 UNION SELECT 1", "amount::text = '5'",
    "CAST(amount AS TEXT) = '5'", "amount > ALL(ARRAY[1])", "amount > 5 AS x", "amount > $1", "amount > :x", "@x > 5",
    "scoring_decision.amount > 5", "read_csv('/etc/passwd') = 'x'", "amount > 5 INTO OUTFILE '/tmp/x'",
    "__class__ = 'x'", "merchant_id SIMILAR TO '%'", "sum(amount) > 5", "amount > 5 OR (SELECT TRUE)",
]  # fmt: skip


@pytest.mark.parametrize("expression", INJECTIONS)
def test_sql_beyond_conditions_is_refused(expression):
    with pytest.raises(RuleError):
        compile_condition(expression)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="amountscre ()'\",;-+*/=<>.0159INOTLANDRBEW%:@[]{}\\\n\x00", max_size=60))
def test_any_text_is_a_condition_or_refused(text):
    try:
        condition = compile_condition(text)
    except RuleError:
        return

    assert condition.fields


@pytest.mark.parametrize(
    ("expression", "name"),
    [("amnt > 5", "amount"), ("card_count1h > 5", "card_count_1h"), ("merchant = 'm'", "merchant_id")],
)
def test_a_misspelt_field_gets_the_nearest_name(expression, name):
    with pytest.raises(RuleError, match=f"Did you mean `{name}`"):
        compile_condition(expression)


def test_a_name_near_nothing_gets_no_hint():
    with pytest.raises(RuleError, match="There is no field") as caught:
        compile_condition("zzzzzz > 5")

    assert "Did you mean" not in str(caught.value)


def test_a_long_condition_is_refused_before_it_is_parsed():
    with pytest.raises(RuleError, match="longer"):
        compile_condition("x" * (MAX_LENGTH + 1))


MISSING = [
    "card_km > 5", "NOT card_km > 5", "card_km <> 5", "card_km NOT IN (1, 2)", "NOT card_km IN (1, 2)",
    "card_km BETWEEN 1 AND 2", "NOT card_km BETWEEN 1 AND 2", "card_km + 1 > 0", "NOT card_km * 0 = 1",
    "customer_id = 'c'", "customer_id <> 'c'", "NOT customer_id = 'c'", "customer_id NOT IN ('c')",
    "score > 0.5", "NOT score > 0.5", "card_km = card_km", "NOT (card_km > 5 OR score > 0.5)",
    "amount / card_count_1h > 1", "NOT amount / card_count_1h > 1", "card_count_1h / card_count_1h = 1",
    "0 / card_count_1h > 1", "NOT card_count_1h / card_count_1h < 1", "amount / 0 > 1", "amount * 1e308 * 1e308 > 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", MISSING)
def test_a_missing_value_never_makes_a_hit(expression):
    assert not hits(expression, card_count_1h=0)


@pytest.mark.parametrize(
    "expression", ["amount > 1 OR card_km > 5", "NOT (amount > 20 AND card_km > 5)", "card_km IS NULL"]
)
def test_a_missing_value_leaves_what_holds_without_it(expression):
    assert hits(expression)


def test_a_limit_in_cents_is_met_exactly():
    limit = {"amount": Decimal("499.99")}

    assert hits("amount >= 499.99", payment=limit)
    assert hits("amount = 499.99", payment=limit)
    assert not hits("amount > 499.99", payment=limit)


def test_the_score_is_a_field():
    assert hits("score >= 0.5 AND amount > 1", score=0.5)
    assert not hits("score >= 0.5", score=0.49)


def test_the_fields_a_condition_reads_are_known():
    assert compile_condition("amount > 5 AND (score > 0.1 OR currency = 'EUR')").fields == {
        "amount",
        "score",
        "currency",
    }


def test_a_batch_hits_what_its_rows_hit_one_by_one():
    rules = [
        CompiledRule(str(i), compile_condition(text), "review", "") for i, text in enumerate([*TRUE, *FALSE, *MISSING])
    ]
    sent = [
        make_payment(
            amount=Decimal(cents) / 100, currency=currency, merchant_name=name, channel=channel, customer_id=customer
        )
        for cents, currency, name, channel, customer in [
            (1250, "EUR", "O'Brien", "ecommerce", None), (1, "USD", None, None, "c"), (99999, "EUR", "x", "pos", "d"),
        ]
    ]  # fmt: skip
    counts = (0.0, 3.0, np.nan)
    vectors = np.array(
        [make_vector(amount=float(p.amount), card_count_1h=c) for p, c in zip(sent, counts, strict=True)]
    )
    scores = np.array([0.1, 0.5, 0.9])

    batch = hits_of(rules, sent, vectors, scores)

    for i in range(len(sent)):
        single = hits_of(rules, sent[i : i + 1], vectors[i : i + 1], scores[i : i + 1])
        np.testing.assert_array_equal(batch[i], single[0])


def test_no_rules_hit_nothing():
    assert hits_of([], [make_payment()], np.array([make_vector()]), None).shape == (1, 0)
