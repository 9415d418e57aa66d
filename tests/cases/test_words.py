"""Words and numbers as the console shows them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from cases import evidence, money, words


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1249", "EUR", "1,249.00"),
        ("1249.5", "JPY", "1,250"),
        ("0.1234", "KWD", "0.123"),
        ("0.01", "USD", "0.01"),
    ],
)
def test_amounts_have_their_currencys_decimals(amount, currency, shown):
    assert money.shown(Decimal(amount), currency) == shown


@pytest.mark.parametrize(("score", "stake"), [(0.9, "90.00"), (0.0, "0.00"), (None, "50.00"), (1 / 3, "33.33")])
def test_stake_is_score_times_amount(score, stake):
    assert money.stake_of(Decimal(100), score) == Decimal(stake)


@pytest.mark.parametrize(
    ("score", "band"),
    [(0.9, "very high"), (0.89, "high"), (0.5, "high"), (0.49, "elevated"), (None, "not scored")],
)
def test_risk_bands(score, band):
    assert words.risk_band(score)[0] == band


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (-90, "1 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_durations_use_the_unit_that_matters(seconds, said):
    assert words.duration(timedelta(seconds=seconds)) == said


def test_bars_are_scaled_to_the_largest_and_point_to_their_side():
    reasons = [
        {"code": "a", "words": "A", "contribution": 2.0},
        {"code": "b", "words": "B", "contribution": -1.0},
        {"code": "c", "words": "C"},
        {"code": "d", "words": "D", "contribution": 0.0},
    ]

    up, down, rule, none = evidence.reason_bars(reasons, {"b": "less is usual"})

    assert (up.side, up.x, up.width) == ("for", 75, 72)
    assert (down.side, down.x, down.width) == ("against", 39, 36)
    assert (rule.side, rule.x) == ("rule", None)
    assert none.width == 2
    assert (up.usual, down.usual) == ("", "less is usual")


def test_a_habit_says_how_often_the_card_did_this():
    others = [1, 1, 2]

    assert evidence.habit_fact("Device", "device", "x", others, lambda o: o == 1).note == "2 of 3 payments"
    assert evidence.habit_fact("Device", "device", "x", others, lambda o: o == 9).is_new
    assert not evidence.habit_fact("Device", "device", "x", [], lambda o: True).is_new
    assert evidence.habit_fact("Device", "device", "", others, lambda o: True).value == "not sent"
