"""What the language can say of texts, times, what senders add and lists; and what it answers to what it cannot read."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import RuleError, compile_condition
from scoring.rules.lists import ListHit
from tests.scoring.asking import hits_of
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import make_payment

PAYMENT = make_payment(
    amount=Decimal("499.99"),
    occurred_at=datetime(2026, 11, 20, 23, 30, 15, 250_000, tzinfo=UTC),
    card_id="tok_411111",
    merchant_name="Gift Cards",
    card_country="DE",
    latitude=48.8,
    longitude=2.3,
    extra={
        "is_known": True,
        "count": 3,
        "huge": 10**400,
        "plan": "Gold",
        "basket": {"items": 2, "odd name": 1, "in": {"deep": 5}},
        "since": "2026-11-20T22:30:15.25Z",
        "day": "2026-11-20",
        "nothing": None,
        "list": [1],
    },
)
LISTED = [
    ListHit("mules", "card_prefix", "tok_", ""),
    ListHit("risky", "country", "FR", ""),
    ListHit("hosting", "ip", "10.0.0.0/8", ""),
]


def truth_of(expression):
    """True, False, or None where it is neither."""
    rules = [
        CompiledRule("", compile_condition(text), "review", "") for text in (expression, f"NOT ({expression})")
    ]  # fmt: skip
    vectors = np.array([make_vector(card_count_1h=2.0)])
    is_true, is_false = hits_of(rules, [PAYMENT], vectors, None, {0: LISTED})[0]
    assert not (is_true and is_false)
    return True if is_true else False if is_false else None


TRUE = [
    "extra.is_known", "extra.is_known = TRUE", "NOT extra.absent IS TRUE", "extra.absent IS NOT TRUE",
    "extra.count = 3", "extra.count IN (3, 4)", "extra.count + 1 = 4", "extra.count BETWEEN 1 AND 3",
    "extra.plan = 'Gold'", "extra.plan IN ('Gold')", "lower(extra.plan) = 'gold'", "number(extra.count) = extra.count",
    "extra.basket.items >= 2", 'extra.basket."odd name" = 1', "extra.basket.in.deep = 5",
    "extra.basket IS NOT NULL", "extra.list IS NOT NULL", "extra.nothing IS NULL", "extra.absent.too IS NULL",
    "extra.plan.too IS NULL", "text(extra.count) IS NULL", "number(extra.is_known) IS NULL",
    "truth(extra.count) IS NULL", "number(extra.huge) IS NULL", "extra.huge IS NOT NULL", "time(extra.plan) IS NULL",
    "time(extra.day) IS NULL", "coalesce(extra.absent, 5) = 5", "coalesce(extra.absent, extra.plan, 'x') = 'Gold'",
    "occurred_at - time(extra.since) = 3600", "occurred_at > extra.since", "time(extra.since) < occurred_at",
    "occurred_at >= '2026-11-20T23:30:15.25Z'", "occurred_at = TIMESTAMP '2026-11-21 00:30:15.250+01'",
    "occurred_at < '2026-11-20T20:31-03:00'", "occurred_at IN ('2026-11-20T23:30:15.25Z')",
    "occurred_at BETWEEN TIMESTAMP '2026-11-20T00:00:00Z' AND '2026-11-21T00:00:00+00:00'",
    "hour(occurred_at) = 23", "minute(occurred_at) = 30", "weekday(occurred_at) = 5", "day(occurred_at) = 20",
    "month(occurred_at) = 11", "hour(occurred_at, 'Europe/Paris') = 0", "weekday(occurred_at, 'Europe/Paris') = 6",
    "day(occurred_at, 'Europe/Paris') = 21", "minute(occurred_at, 'Asia/Kolkata') = 0",
    "amount % 1 = 0.99", "amount % 100 = 99.99", "-amount % 100 = -99.99", "amount % 0 IS NULL", "round(amount) = 500",
    "floor(amount) = 499", "ceiling(-amount) = -499", "abs(-amount) = amount", "round(2.5) = 2 AND amount > 0",
    "least(amount, 5) = 5", "greatest(amount, 500, 3) = 500", "least(amount, card_km) IS NULL",
    "nullif(amount, 499.99) IS NULL", "nullif(amount, card_km) = amount",
    "CASE WHEN amount > 1000 THEN 'a' WHEN amount > 400 THEN 'b' ELSE 'c' END = 'b'",
    "CASE WHEN card_km > 1 THEN 1 END IS NULL", "amount > CASE WHEN channel = 'atm' THEN 1000 ELSE 300 END",
    "merchant_name LIKE 'Gift%'", "merchant_name LIKE '%t_Cards'", "merchant_name NOT LIKE 'gift%'",
    "merchant_name ILIKE 'gift_CARDS'", "card_id LIKE 'tok\\_%'", "merchant_name ~ '^G.*s$'", "merchant_name ~* 'gift'",
    "merchant_name !~ 'gift'", "merchant_name !~* 'x'", "matches(merchant_name, '[A-Z].*[A-Z]')",
    "starts_with(card_id, 'tok_')", "ends_with(card_id, '11')", "contains(lower(merchant_name), 'card')",
    "starts_with(card_id, 'x') = FALSE", "contains(card_id, substr(card_id, 5, 3))", "length(card_id) = 10",
    "substr(card_id, 5) = '411111'", "substr(card_id, 0, 3) = 'to'", "upper(merchant_name) = 'GIFT CARDS'",
    "merchant_name IN (" + ", ".join(f"'{number}'" for number in range(40)) + ", 'Gift Cards')",
    "card_count_1h IN (" + ", ".join(map(str, range(40))) + ")",
    "in_list(card_id, 'mules')", "in_list(merchant_country, 'risky')", "latitude > 48 AND longitude < 3",
    "(amount > 5) = TRUE", "(card_km > 5) IS NULL", "(amount > 5) IS NOT FALSE", "extra.is_known = (amount > 5)",
    "transaction_id IS NOT NULL", "coalesce(extra.absent, amount > 5)", "merchant_name LIKE '%'",
]  # fmt: skip
FALSE = [
    "extra.is_known = FALSE", "extra.is_known IS FALSE", "extra.count = 4", "extra.plan = 'gold'",
    "extra.basket IS NULL", "occurred_at > '2026-11-20T23:30:15.25Z'", "amount % 1 = 0.98",
    "in_list(card_id, 'risky')", "in_list(card_country, 'risky')", "in_list(merchant_id, 'mules')",
    "merchant_name LIKE 'Gift'", "merchant_name ~ '^Cards'", "hour(occurred_at, 'Europe/Paris') = 23",
    "card_count_1h IN (" + ", ".join(str(number + 10) for number in range(40)) + ")",
]  # fmt: skip
NEITHER = [
    "extra.absent", "extra.absent = 'x'", "extra.count = 'x'", "extra.is_known > 0", "extra.plan", "extra.nothing = 1",
    "extra.list = 1", "lower(customer_id) = 'x'", "customer_id LIKE '%'", "customer_id ~ ''",
    "length(customer_id) >= 0", "starts_with(customer_id, '')", "contains(card_id, customer_id)",
    "in_list(customer_id, 'mules')", "in_list(ip_address, 'hosting')", "hour(time(extra.absent)) = 1",
    "day(time(extra.absent), 'Europe/Paris') = 1",
    "least(card_km, 1) = 1", "amount % card_km > 0", "occurred_at > extra.plan", "card_km IN (" + "1, " * 30 + "1)",
    "customer_id NOT IN (" + ", ".join(f"'{number}'" for number in range(40)) + ")", "nullif(card_km, 1) = 1",
]  # fmt: skip


@pytest.mark.parametrize("expression", TRUE)
def test_what_holds_is_true(expression):
    assert truth_of(expression) is True


@pytest.mark.parametrize("expression", FALSE)
def test_what_does_not_hold_is_false(expression):
    assert truth_of(expression) is False


@pytest.mark.parametrize("expression", NEITHER)
def test_what_needs_a_missing_value_is_neither(expression):
    assert truth_of(expression) is None


# Condition, the piece of it that is wrong, and what is said of it.
REFUSED = [
    ("amount > 5 AND curency = 'EUR'", "curency", "no field `curency`. Did you mean `currency`?"),
    ("Amount > 5", "Amount", "Did you mean `amount`"),
    ("xtra.count > 5", "xtra.count", "no field `xtra.count`"),
    ("amount > 5 OR lenght(card_id) = 3", "lenght(card_id)", "no function `lenght`. Did you mean `length`?"),
    ("NOT inlist(card_id, 'x')", "inlist(card_id, 'x')", "Did you mean `in_list`"),
    ("in_list(ip_adress, 'x')", "ip_adress", "Did you mean `ip_address`"),
    ("in_list(amount, 'x')", "amount", "Lists are not asked for `amount`"),
    ("in_list(card_id)", "in_list(card_id)", "in_list(card_id, 'mules')"),
    ("in_list(card_id, currency)", "in_list(card_id, currency)", "in_list(card_id, 'mules')"),
    ("in_list(card_id, '')", "''", "1 to 80 characters"),
    ("hour(occurred_at, 'Europe/Pariss') = 0", "'Europe/Pariss'", "Did you mean `Europe/Paris`"),
    ("hour(occurred_at, '../etc/passwd') = 0", "'../etc/passwd'", "no time zone"),
    ("hour(occurred_at, extra.zone) = 0", "hour(occurred_at, extra.zone)", "must be written out"),
    ("hour(amount) = 0", "amount", "is a number where a time is needed"),
    ("occurred_at > '2026-11-20 10:00'", "'2026-11-20 10:00'", "needs its offset: `2026-11-20 10:00Z`"),
    ("occurred_at > 'yesterday'", "'yesterday'", "not a time; write it like '2026-11-01T00:00:00Z'"),
    ("occurred_at > '2026-02-30T00:00:00Z'", "'2026-02-30T00:00:00Z'", "not a time"),
    ("occurred_at > TIMESTAMP '2026-11-20T24:00:00Z'", "TIMESTAMP '2026-11-20T24:00:00Z'", "not a time"),
    ("occurred_at > 5", "5", "compares a time with a number"),
    ("occurred_at + 5 > 5", "occurred_at", "is a time where a number is needed"),
    ("amount > 5 AND amount > 'x'", "'x'", "`amount > 'x'` compares a number with a text"),
    ("currency IN ('EUR', 5)", "5", "IN needs a list of values, each a text"),
    ("amount IN (1, -amount)", "amount IN (1, -amount)", "each written out"),
    ("amount IN (1, currency)", "currency", "IN needs a list"),
    ("lower(amount) = 'x'", "amount", "is a number where a text is needed"),
    ("extra.a = extra.b", "extra.a = extra.b", "write number(extra.a), text(extra.a), time(extra.a) or truth(extra.a)"),
    ("coalesce(extra.a, extra.b) IN (extra.c)", "extra", "IN needs a list"),
    ("extra > 1", "extra", "name what is in extra"),
    ("extra.a.b.c.d = 1", "extra.a.b.c.d", "at most 3 levels deep"),
    ("text(currency) = 'EUR'", "text(currency)", "text() reads what is in extra"),
    ("extra.is_known > TRUE", "extra.is_known > TRUE", "a truth can be equal or not"),
    ("extra.since > '2026-11-20T10:00:00Z'", "extra.since > '2026-11-20T10:00:00Z'", "`time(extra.name)` for a time"),
    ("currency BETWEEN 'A' AND 'B'", "currency BETWEEN 'A' AND 'B'", "BETWEEN is for numbers and times"),
    ("merchant_name ~ '('", "'('", "is refused: missing )"),
    ("merchant_name ~ '(a)\\1'", "'(a)\\1'", "is refused: invalid escape sequence"),
    ("merchant_name ~ '(?=a)'", "'(?=a)'", "is refused: invalid perl operator"),
    ("merchant_name ~ 'a{1000}'", "'a{1000}'", "too large: 1004 steps"),
    ("merchant_name ~ '\\pL{100}'", "'\\pL{100}'", "pattern too large"),
    ("merchant_name ~ currency", "currency", "the pattern must be written out"),
    ("merchant_name LIKE 'a_\\'", "'a_\\'", "ends with a backslash"),
    ("merchant_name LIKE '" + "_" * 400 + "'", "'" + "_" * 400 + "'", "The pattern `___"),
    ("matches(merchant_name)", "matches(merchant_name)", "matches(merchant_name, '^gift')"),
    ("starts_with(card_id)", "starts_with(card_id)", "write it like"),
    ("substr(card_id, 1.5) = 'x'", "1.5", "whole numbers"),
    ("substr(card_id, 1, -1) = 'x'", "-1", "fewer than 0"),
    ("substr(card_id, amount) = 'x'", "substr(card_id, amount)", "must be written out"),
    ("least(currency, 'a') = 'b'", "least(currency, 'a')", "for a number or a time, not for a text"),
    ("coalesce(amount) = 1", "coalesce(amount)", "write it like"),
    ("nullif(amount, 1, 2) = 1", "nullif(amount, 1, 2)", "write it like"),
    ("CASE WHEN amount > 5 THEN 1 ELSE 'a' END = 1", "'a'", "is a text where a number is needed"),
    ("CASE amount WHEN 5 THEN 1 END = 1", "amount", "write CASE WHEN"),
    ("CASE WHEN amount > 5 THEN 1 = 1", "", "it ends where `END` is needed"),
    ("card_is_new_device", "card_is_new_device", "Did you mean `card_is_new_device = 1`?"),
    ("amount = NULL", "NULL", "ask `IS NULL`"),
    ("1 < amount < 5", "<", "after `1 < amount`: there is `<`"),
    ("amount IS NULL IS TRUE", "IS", "parentheses around what comes before"),
    ("amount NOT 5", "5", "IN, BETWEEN, LIKE or ILIKE"),
    ("amount IS 5", "5", "NULL, TRUE or FALSE"),
    ("amount > 5 currency = 'EUR'", "currency", "AND, OR or the end"),
    ("amount > “5”", "“", "straight quotes"),
    ("currency = 'EUR", "'", "does not end"),
    ("amount > 5 & 1", "&", "no meaning"),
    ("(amount > 5", "", "it ends where `)` is needed"),
    ("extra.1 = 1", ".1", "AND, OR or the end"),
    ("extra. = 1", "=", "a name is needed"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "piece", "words"), REFUSED)
def test_what_is_wrong_is_said_with_its_place(expression, piece, words):
    with pytest.raises(RuleError) as caught:
        compile_condition(expression)

    assert words in str(caught.value)
    assert expression[slice(*caught.value.place)] == piece


def test_a_condition_names_what_it_reads_and_the_lists_it_asks():
    condition = compile_condition(
        "extra.\"odd name\" > 1 AND (in_list(card_id, 'mules') OR NOT in_list(ip_address, 'vpn')) AND score > 0.1"
    )

    assert condition.fields == {"extra.odd name", "card_id", "ip_address", "score"}
    assert condition.lists == {"mules", "vpn"}


def test_what_nothing_is_known_of_stands_on_no_list():
    rule = CompiledRule("", compile_condition("NOT in_list(card_id, 'mules')"), "review", "")

    assert hits_of([rule], [PAYMENT], np.array([make_vector()]), None).all()


def test_a_clock_is_right_on_both_sides_of_a_change_within_a_quarter_of_an_hour():
    # Monrovia left its own time, 44 minutes and a half behind, at 00:44:30 UTC on 7 January 1972.
    condition = "hour(occurred_at, 'Africa/Monrovia') = 0 AND minute(occurred_at, 'Africa/Monrovia') = {}"
    before, after = (make_payment(occurred_at=datetime(1972, 1, 7, 0, 44, at, tzinfo=UTC)) for at in (29, 30))
    rules = [CompiledRule("", compile_condition(condition.format(minute)), "review", "") for minute in (44,)]
    vectors = np.array([make_vector()] * 2)

    assert hits_of(rules, [before, after], vectors, None).tolist() == [[False], [True]]


def test_a_text_of_a_batch_is_told_from_every_other():
    names = ["a", "A", "", "a ", "á", "b"] * 30
    payments = [make_payment(merchant_name=name, customer_id=name or None) for name in names]
    rules = [
        CompiledRule("", compile_condition(text), "review", "")
        for text in ("lower(merchant_name) = 'a'", "merchant_name = customer_id", "length(upper(merchant_name)) = 2")
    ]

    hits = hits_of(rules, payments, np.array([make_vector()] * len(names)), None)

    assert hits.tolist() == [[name in ("a", "A"), name != "", name == "a "] for name in names]


def test_a_condition_names_the_numbers_that_stand_in_it():
    condition = compile_condition("amount > 2 * 50.5 AND (card_count_1h IN (3, 4) OR score < 0.1) AND currency = '7'")

    assert condition.numbers == {2.0, 50.5, 3.0, 4.0, 0.1}
