"""No text, however hostile, takes more than a bounded amount of work, and none fails but by being refused."""

import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.rules.cost import MAX_COST
from scoring.rules.evaluation import CompiledRule
from scoring.rules.language import RuleError, compile_condition, cost_together
from scoring.rules.lists import ListHit
from tests.scoring.asking import hits_of
from tests.scoring.ml_data import make_vector
from tests.scoring.payments import make_payment

# The longest conditions that are allowed take a tenth of it.
MOST_CALLS = 500_000


class TooMuchWorkError(Exception):
    """More function calls than any condition needs."""


def counted(work):
    """What the work gives and how many function calls it took; stopped where they are too many."""
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1
        if calls > MOST_CALLS:
            sys.setprofile(None)
            raise TooMuchWorkError

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        return work()
    finally:
        sys.setprofile(before)


def compiled(text):
    """The condition; None where it is refused, with a short message that names a place in the text or none."""
    try:
        return compile_condition(text)
    except RuleError as error:
        refused = error
    assert len(str(refused)) < 1000
    assert refused.place is None or 0 <= refused.place[0] <= refused.place[1] <= len(text)
    return None


def asked(condition):
    """Of a payment that has all it can carry, and of one that has nothing beside what it must."""
    full = make_payment(
        customer_id="c" * 64, merchant_name="a" * 128, ip_address="::1", merchant_category="5411", billing_country="FR",
        latitude=1.0, longitude=2.0, extra={"a": "a" * 3900, "b": 1, "c": True, "d": "2026-11-20T12:00:00Z"},
    )  # fmt: skip
    vectors = np.array([make_vector(card_count_1h=1.0, card_km=2.0), make_vector()])
    rule = CompiledRule("", condition, "review", "")
    return hits_of([rule], [full, make_payment()], vectors, None, {0: [ListHit("x", "card", "card-1", "")]})


PIECES = [
    "amount", "card_km", "merchant_name", "occurred_at", "extra.a", "extra.b", "extra.c", "extra.d", 'extra."x y"',
    "score", "5", "1e308", "0", "1e999", "'a'", "'2026-11-20T12:00:00Z'", "''", "TRUE", "FALSE", "NULL", "TIMESTAMP",
    "'%a%'", "(", ")", "(", ")", ",", ".", "+", "-", "*", "/", "%", "=", "<>", "<", ">=", "~", "~*", "!~", "AND", "OR",
    "NOT", "IS", "IN", "IN (1, 2)", "IN ('a')", "BETWEEN", "LIKE", "ILIKE", "CASE", "WHEN", "THEN", "ELSE", "END",
    "lower(", "substr(", "coalesce(", "least(", "hour(", "in_list(card_id, 'x')", "number(", "time(", "contains(",
    "matches(", "--", "/*", "*/",
]  # fmt: skip
soups = st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200) | soups | st.lists(soups, max_size=20).map(" AND ".join))
def test_any_text_is_refused_or_can_be_asked_of_any_payment(text):
    condition = counted(lambda: compiled(text))

    if condition is not None:
        assert condition.fields
        assert counted(lambda: asked(condition)).shape == (2, 1)


HOSTILE = {
    "parentheses": "(" * 5000 + "amount > 1" + ")" * 5000,
    "open parentheses": "(" * 1900,
    "parentheses that fit": "(" * 990 + "amount > 1" + ")" * 990,
    "signs": "- " * 900 + "amount > 1",
    "negations": "NOT " * 490 + "amount > 1",
    "constants": "amount IN (" + ",".join(map(str, range(100_000))) + ")",
    "constants that fit": "amount IN (" + "1," * 980 + "1)",
    "a megabyte": "amount > 1 AND " * 70_000,
    "a megabyte of nothing": " " * 1_000_000,
    "a huge number": "amount > " + "9" * 1900,
    "a huge exponent": "amount > 1e99999999",
    "a long chain": "amount>1 OR " * 160 + "amount>1",
    "a long sum": "amount" + "+1" * 900 + " > 1",
    "nested functions": "abs(" * 400 + "amount" + ")" * 400 + " > 1",
    "nested cases": "CASE WHEN amount > 1 THEN " * 60 + "1" + " END" * 60 + " > 1",
    "a long path": "extra" + ".a" * 900 + " = 1",
    "a long name": "x" * 1900 + " > 1",
    "a long function": "x" * 1900 + "(1) > 1",
    "a long zone": "hour(occurred_at, '" + "Europe/" * 250 + "') = 1",
    "a quote that does not end": "currency = '" + "''" * 900,
    "comments that do not end": "/*" * 900,
    "a repeated repetition": "merchant_name ~ '((a{100}){10}){10}'",
    "a large repetition": "merchant_name ~ '(a|b)*a(a|b){900}'",
    "many groups": "merchant_name ~ '" + "(a*)*" * 380 + "'",
    "nested groups": "merchant_name ~ '" + "(" * 950 + "a" + ")" * 950 + "'",
    "large classes": "merchant_name ~ '" + "\\pL" * 600 + "'",
    "many wildcards": "merchant_name LIKE '" + "%_" * 900 + "'",
    "many expressions": " OR ".join(f"merchant_name ~ '[ab]{{{size}}}$'" for size in range(40, 60)),
    "NUL": "merchant_name = 'a\x00'",
    "half a character": "merchant_name = '\ud800'",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_would_take_too_much_is_refused_with_little_work(text):
    assert counted(lambda: compiled(text)) is None


HEAVY = {
    "nested truths": "(" * 35 + "amount > 1" + " IS NULL)" * 35,
    "nested equalities": " (" * 20 + "(amount > 1)" + " = (amount > 2))" * 20,
    "nested cases": "CASE WHEN amount > 1 THEN " * 35 + "1" + " ELSE 2 END" * 35 + " > 1",
    "nested choices": "coalesce(" * 35 + "extra.b" + ", extra.b)" * 35 + " = 1",
    "nested choices on both sides": f"{'least(' * 35}amount{', 1)' * 35} = {'least(' * 15}amount{', 1)' * 15}",
    "a sum": "amount" + "+amount" * 98 + " > 1",
    "all the parts there may be": " OR ".join(f"amount > {number}" for number in range(50)),
    "all the constants there may be": "amount IN (" + ", ".join(["1"] * 500) + ")",
    "catastrophic for others": "extra.a ~ '^(a+)+$' OR extra.a ~ '(a|aa)+$' OR extra.a ~ '(.*a){12}b'",
    "texts that fit": "currency IN (" + "'a'," * 490 + "'b')",
    "a tiny number": "amount > 0." + "0" * 1900 + "1",
    "every wildcard": "extra.a LIKE '%a%a%a%a%a%a%b'",
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY)
def test_what_is_allowed_takes_bounded_work_however_it_nests(text):
    condition = counted(lambda: compile_condition(text))

    assert condition.cost <= MAX_COST
    assert counted(lambda: asked(condition)).shape == (2, 1)


def test_what_is_equal_in_a_condition_is_computed_once():
    """Also in truths of truths, where each side asks for both what holds and what does not."""
    once, often = ("(" * depth + "lower(merchant_name) = 'x'" + " IS NULL)" * depth for depth in (1, 30))

    assert compile_condition(often).cost < compile_condition(once).cost + 30 * 10


def test_too_dear_a_condition_is_refused_with_its_dearest_part():
    text = "merchant_name ~ 'a' OR " + " OR ".join(
        f"merchant_name ~ '[ab]{{{size}}}[cd]{{80}}$'" for size in (80, 81, 82)
    )

    with pytest.raises(RuleError, match="ns a payment, at most 20,000 are allowed") as caught:
        compile_condition(text)

    assert text[slice(*caught.value.place)] == "merchant_name ~ '[ab]{82}[cd]{80}$'"


def test_the_cost_grows_with_what_is_asked():
    texts = (
        "card_km > 5", "card_km > 5 AND card_kmh > 5", "lower(merchant_name) = 'x'", "merchant_name ~ 'x'",
        "merchant_name ~ '[a-z]{60}'",
    )  # fmt: skip
    costs = [compile_condition(text).cost for text in texts]

    assert costs == sorted(costs)
    assert len(set(costs)) == len(costs)


def test_what_rules_share_costs_them_once():
    one, other = (compile_condition(f"amount > {limit} AND merchant_name ~ '^gift'") for limit in (5, 6))

    assert one.cost < cost_together([one, other]) < one.cost + 10
    assert cost_together([one, one]) == one.cost
    assert cost_together([]) == 0


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab%_\\.*+()[]{}|^$?0-9é\n"), max_size=40))
@example("a{2,1}")
@example("[")
def test_any_pattern_is_refused_or_can_be_asked(pattern):
    for sign in ("~", "~*", "LIKE", "ILIKE"):
        condition = counted(lambda sign=sign: compiled(f"extra.a {sign} '{pattern}'"))
        if condition is not None:
            assert asked(condition).shape == (2, 1)
